"""The decisions, as pure functions: values and arrays in, values and reasons out. Time is an argument."""
