"""Kafka through confluent-kafka: config, producer, readers, topics, ACLs."""
