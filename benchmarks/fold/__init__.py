"""The fold on one core: `python -m benchmarks.fold --json`."""
