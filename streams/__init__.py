"""The Kafka and Faust edge: everything that knows of brokers, clocks, processes and sockets."""
