"""The peers of the throughput bench: each a whole program, doing the same job as the shipped worker."""
