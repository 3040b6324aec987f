"""Brokers, sabotage and fail points for tests and benches; operators do not install it."""
