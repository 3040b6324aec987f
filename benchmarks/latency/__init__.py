"""Press to alert: `python -m benchmarks.latency --json`."""
