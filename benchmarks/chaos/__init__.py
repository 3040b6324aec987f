"""Faults on schedule, and the account afterwards: `python -m benchmarks.chaos --json`."""
