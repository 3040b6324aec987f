"""Apache Kafka for tests and benches: one node, or a cluster of three."""
