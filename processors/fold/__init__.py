"""The fold: one entry of the log in, decisions out; and its state as a snapshot."""
