"""`python -m benchmarks.throughput`."""

from benchmarks.throughput.bench import main

main()
