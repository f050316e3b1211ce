"""Fits a retriever: the step, the loop, checkpoints."""
