"""Audiences: users picked by a query or by similarity, saved in versions."""
