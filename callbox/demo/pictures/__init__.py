"""Pictures that the demo draws where no real ones are given."""
