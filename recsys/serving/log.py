"""One line an event: time, what happened, and fields, as `key=value`.

No line holds ids of users or items, nor what a request held.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("recsys.serving")


def log_event(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Logs an event.

    Args:
        event: what happened, a word or two joined by ``_``.
        level: of logging.
        fields: what there is to say of it; texts with blanks are quoted.
    """
    time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    said = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    logger.log(level, "%s", f"{time} {logging.getLevelName(level).lower()} {event} {said}".strip())


def _value(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return text if text and not set(text) & set(' "=\n\r\t') else json.dumps(text)
