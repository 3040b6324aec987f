"""`callbox dlq`: dead letters as people see them, and sent again."""
