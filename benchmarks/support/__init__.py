"""What several benches need: load, fixtures, the machine's figures, a proxy, metrics."""
