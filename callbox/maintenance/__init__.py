"""Planned work and exercises: when, of what, by whom, and how that is said to the fold."""
