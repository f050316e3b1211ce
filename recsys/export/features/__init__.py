"""The kinds of user features: how the served model makes the array of raw values."""
