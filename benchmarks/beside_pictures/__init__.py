"""Presses beside pictures: `python -m benchmarks.beside_pictures --json`."""
