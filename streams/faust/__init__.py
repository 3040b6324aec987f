"""Faust as the host of a worker: the only package that imports faust and mode."""
