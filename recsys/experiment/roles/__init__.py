"""Guesses which column of a log plays which role."""
