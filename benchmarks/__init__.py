"""Benches: each is a command whose last line is one JSON object, which names the machine that it ran on."""
