"""Item towers: an item as a vector."""
