"""Measurements: each is a command that prints one JSON object last and says what machine it ran on."""
