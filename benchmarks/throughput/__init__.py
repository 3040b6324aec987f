"""Throughput of the shipped worker beside other frameworks: `python -m benchmarks.throughput --json`."""
