"""`callbox hotlist`: the hotlist file."""
