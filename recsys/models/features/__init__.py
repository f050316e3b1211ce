"""The kinds of features: how each makes a vector of an array."""
