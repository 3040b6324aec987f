"""The rules of the fold: one module for each family of inputs."""
