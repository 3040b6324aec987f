"""What every worker process is made of."""
