"""The runners that the shipped worker is measured beside."""
