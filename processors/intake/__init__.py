"""How the feeds' workers convert a record into a fact before it goes into the log."""
