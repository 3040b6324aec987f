"""How well pictures are read: `python -m benchmarks.vision.plates`, `python -m benchmarks.vision.flame`."""
