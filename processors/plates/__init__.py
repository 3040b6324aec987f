"""Number plates: grammar, reading, exact matching with the hotlist, and the request for verification by a person."""
