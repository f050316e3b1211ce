"""Who is meant: users picked by a query or by likeness, saved in versions."""
