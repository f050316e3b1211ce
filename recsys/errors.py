"""The one exception that the command line turns into exit status 2."""

from recsys.system.redaction import redact


class InputError(ValueError):
    """Something that the user gave cannot be used: a file, a column, a setting.

    The message says what is wrong, where, and how to mend it; secrets of addresses in it are
    left out. The command line prints it without a traceback and exits with status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))
