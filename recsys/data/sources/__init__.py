"""Reads logs and side tables in whatever form they are."""
