"""The runners beside which the shipped worker is measured."""
