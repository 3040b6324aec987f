"""The life of an incident: how one begins, joins, is told of and ends. Pure; time is an argument."""
