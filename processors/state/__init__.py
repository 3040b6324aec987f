"""What the fold keeps, and what its rules may ask it to change."""
