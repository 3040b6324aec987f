"""Brokers: the embedded one and Apache Kafka, behind one small interface."""
