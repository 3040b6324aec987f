"""The fold: one entry of the log in, decisions out. It also writes its state as a snapshot and reads it back."""
