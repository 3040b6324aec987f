"""Write events of a device into the pillar feed, as its gateway does, to commission it."""
