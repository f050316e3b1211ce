"""recsys: from an interaction log to a candidate generator in production."""

__version__ = "0.1.0"
