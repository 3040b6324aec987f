"""Pictures: what is checked, seen and hidden in them."""
