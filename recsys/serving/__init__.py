"""`recsys serve`: a small server of SavedModels, and what TensorFlow Serving is started with."""
