"""`callbox incidents`: what is open, and what is said of it."""
