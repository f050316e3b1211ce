"""A search over experiments."""
