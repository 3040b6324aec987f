"""The composition root: command line, configuration, logging, and what starts a worker."""
