"""What hostile writers do to the presses of others."""
