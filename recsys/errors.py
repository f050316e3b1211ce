"""The exceptions that recsys raises: a small family, to tell what a caller can mend.

=========================  ===================================================================
:class:`RecsysError`       all of them
:class:`InputError`        an argument, setting, file or column cannot be used; the message says why
:class:`Damaged`           a file that recsys wrote is missing, or does not hold what was written
:class:`TrainingDiverged`  the loss is no longer a number
:class:`ExportError`       the SavedModel could not be made, for a reason that is not the input
:class:`ParityError`       the SavedModel differs from the trained model, so it was not published
=========================  ===================================================================

Nothing of the library calls ``sys.exit``. The command line turns an :class:`InputError` into one
message and exit status 2.

>>> import recsys
>>> try:
...     recsys.load("runs/nothing")
... except recsys.RecsysError as error:
...     print(error)
there is no folder runs/nothing
"""

from pathlib import Path

from recsys.system.redaction import redact


class RecsysError(Exception):
    """The base of all of them; secrets of addresses are left out of the message.

    >>> issubclass(recsys.ExportError, recsys.RecsysError)
    True
    """

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class InputError(RecsysError, ValueError):
    """Input cannot be used: an argument, a setting, a file or a column.

    The message says what is wrong, where, and how to mend it. The command line prints it without
    a traceback and exits with status 2.

    >>> str(recsys.InputError("there is no user '43' in the log"))
    "there is no user '43' in the log"
    """


class Damaged(InputError):
    """A file that recsys wrote is missing, or does not hold what was written into it.

    Args:
        path: the file.
        mend: a sentence with the command that mends it.
        what: is wrong with it.

    Attributes:
        what: the file and what is wrong with it, for where it is mended without the user.

    >>> from pathlib import Path
    >>> str(recsys.Damaged(Path("metrics.json"), "Run the experiment again", "is missing"))
    'metrics.json is missing. Run the experiment again'
    """

    def __init__(
        self,
        path: Path,
        mend: str,
        what: str = "is damaged (its content is not what was written)",
    ) -> None:
        self.what = f"{path} {what}"
        super().__init__(f"{self.what}. {mend}")


class TrainingDiverged(InputError):
    """The loss is no longer a number: the learning rate is too high, or a feature is too large.

    >>> issubclass(recsys.TrainingDiverged, recsys.InputError)
    True
    """


class ExportError(RecsysError, RuntimeError):
    """The SavedModel could not be made, for a reason that is not the user's.

    >>> issubclass(recsys.ExportError, recsys.InputError)
    False
    """


class ParityError(ExportError):
    """The SavedModel differs from the trained model or from its contract.

    >>> issubclass(recsys.ParityError, recsys.ExportError)
    True
    """
