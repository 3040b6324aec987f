"""The shipped worker beside others: `python -m benchmarks.throughput --json`."""
