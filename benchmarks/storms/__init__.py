"""Storms through the fold, and what one control room gets of them: `python -m benchmarks.storms --json`."""
