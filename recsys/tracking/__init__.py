"""Tracking with MLflow: the only room that knows it. Importing it does not import MLflow."""

from recsys.tracking.config import TrackingConfig
from recsys.tracking.further import log_further
from recsys.tracking.store import page_command
from recsys.tracking.tracker import Tracker, start
from recsys.tracking.upload import upload

__all__ = ["Tracker", "TrackingConfig", "log_further", "page_command", "start", "upload"]
