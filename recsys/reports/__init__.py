"""Plots and one-file HTML."""
