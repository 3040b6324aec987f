"""`callbox policy`: what is in force, and what a file would change."""
