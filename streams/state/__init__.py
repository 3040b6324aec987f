"""The fold's state at the edge: snapshots, restore, ticks, and the topic of incidents."""
