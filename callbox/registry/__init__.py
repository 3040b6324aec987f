"""`callbox registry`: the registry file, and what it changes."""
