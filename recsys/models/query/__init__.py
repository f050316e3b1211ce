"""Query towers: who is asking, as a vector per position."""
