"""Image readers: a picture as a vector."""
