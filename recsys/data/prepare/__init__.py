"""From a log to a prepared dataset."""
