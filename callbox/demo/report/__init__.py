"""What people get of a run: a summary, a page, files."""
