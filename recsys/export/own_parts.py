"""A user's own encoder or loss, handed to the exporting process.

That process rebuilds the model and so needs its classes. Those of the framework and of installed
packages it finds by itself. A class that a program brought is sent to it through its standard
input, by value if it was written in a notebook or a script, and by the name of its module
otherwise; nothing of it is kept on disk.
"""

import json
import os
import sys
import zipfile
from pathlib import Path

import cloudpickle
from pydantic import BaseModel

from recsys.errors import InputError
from recsys.system.kinds import own_classes, remember


def packed(retriever: Path) -> bytes:
    """The classes that a trained model needs and that this program brought; empty without any.

    Args:
        retriever: the trained model, a native Keras 3 file.

    Raises:
        InputError: such a class cannot be sent.
    """
    if not zipfile.is_zipfile(retriever):  # the exporting process reports what is wrong with it
        return b""
    with zipfile.ZipFile(retriever) as archive:
        config = json.loads(archive.read("config.json"))
    classes = own_classes(config)
    try:
        if not classes:
            return b""
        found_at = [os.path.abspath(folder) for folder in sys.path]
        return cloudpickle.dumps((found_at, cloudpickle.dumps(classes)))
    except Exception as error:
        names = ", ".join(each.__qualname__ for each in classes)
        raise InputError(
            f"{names} cannot be sent to the process that exports the model "
            f"({type(error).__name__}: {error}). Move the class into a module that can be "
            "imported, without open files, locks and the like among its globals."
        ) from error


def unpack(sent: bytes) -> None:
    """Has this process know the classes that the one that started it sent.

    Raises:
        InputError: the module of one cannot be imported here.
    """
    if not sent:
        return
    try:
        # From the process that started this one, which trained with these very classes.
        found_at, inner = cloudpickle.loads(sent)
        # Behind what this process has: nothing of its own is replaced.
        sys.path += [folder for folder in found_at if folder not in sys.path]
        classes: list[type[BaseModel]] = cloudpickle.loads(inner)
    except ImportError as error:
        raise InputError(
            f"the process that exports the model cannot import an encoder or loss of yours "
            f"({error}). Install its module, or add its folder to PYTHONPATH."
        ) from error
    for each in classes:
        remember(each)
