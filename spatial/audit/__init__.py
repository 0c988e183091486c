"""Who did what, when, from where, with what result."""
