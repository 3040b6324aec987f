"""The state that the fold keeps, and the changes that its rules may ask for."""
