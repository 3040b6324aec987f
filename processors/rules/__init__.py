"""What each family of inputs does: one module each."""
