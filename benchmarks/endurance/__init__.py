"""Parts of the benches that run for long or across releases."""
