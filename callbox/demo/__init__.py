"""`callbox demo`: a small town, a scenario, the shipped workers, and a check of all that comes out."""
