"""Processes that a run starts: a broker, the shipped commands and workers. Tests and benches start the same ones."""
