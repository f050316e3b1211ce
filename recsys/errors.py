"""The one exception that the command line turns into exit status 2."""


class InputError(ValueError):
    """Something that the user gave cannot be used: a file, a column, a setting.

    The message says what is wrong, where, and how to mend it. The command line
    prints it without a traceback and exits with status 2.
    """
