"""Losses and the negatives they need."""
