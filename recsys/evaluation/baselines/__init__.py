"""Recommenders that every model has to beat, on the model's footing.

All are fitted on the same part of the log as the model, may return the items
that have events there, and read the same history of a query. Events of weight 0
are read in histories and never recommended for.
"""
