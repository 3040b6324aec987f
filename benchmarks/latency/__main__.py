"""`python -m benchmarks.latency`."""

from benchmarks.latency.bench import main

main()
