"""Ranks the whole catalogue and says how good a run is."""
