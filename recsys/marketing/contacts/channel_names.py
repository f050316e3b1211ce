"""The channels by which users are reached, and what marketers call them."""

import re

CHANNELS = frozenset({"push", "email", "social"})
# Not `mail`, which is the post in English; nor `sms` and the like, which are others.
_ALSO = {
    "emails": "email",
    "pushnotification": "push",
    "pushnotifications": "push",
    "socialmedia": "social",
}
_BETWEEN = re.compile(r"[\s_-]+")


def channel_name(text: str) -> str:
    """A channel's name as settings have it; of another than :data:`CHANNELS` what was given.

    Capitals, blanks, hyphens and underscores make no difference.

    >>> channel_name("E-Mail"), channel_name("Push Notification"), channel_name(" SMS ")
    ('email', 'push', 'sms')
    """
    word = text.strip().casefold()
    bare = _BETWEEN.sub("", word)
    name = _ALSO.get(bare, bare)
    return name if name in CHANNELS else word
