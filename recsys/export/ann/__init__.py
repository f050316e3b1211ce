"""Approximate search for the items of an exported model, outside its graph."""
