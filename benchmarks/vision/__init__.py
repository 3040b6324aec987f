"""Accuracy on pictures: `python -m benchmarks.vision.plates`, `python -m benchmarks.vision.flame`."""
