"""The sample city: a synthetic Chinese city made from code, the same for the same seed."""
