"""What runs for long, and across releases."""
