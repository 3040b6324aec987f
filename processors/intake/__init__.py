"""What the feeds' workers make of a record before it goes into the log."""
