"""Number plates: grammar, reading, exact matching, and the question to a person."""
