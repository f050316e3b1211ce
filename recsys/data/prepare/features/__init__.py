"""The kinds of features: what each may be told, and how it makes an array of a column."""
