"""Text readers: the words of a text as a vector."""
