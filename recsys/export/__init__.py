"""From a trained retriever to a SavedModel that recommends."""
