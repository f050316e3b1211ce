"""Signatures of SavedModels: who published what is about to be loaded.

Checksums reveal accidents; a signature reveals whoever changes files on purpose. It is one of
OpenSSF Model Signing (https://github.com/sigstore/model-transparency), by a key pair on an elliptic
curve, of every file of the version's folder but the signature itself. So the library's own command
checks it, too. It lies beside the manifest, where TensorFlow Serving looks at nothing that it does
not know.
"""

import ast
import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recsys.errors import Damaged, InputError
from recsys.protection.keys import secret_in_file, secret_named
from recsys.system.extras import require
from recsys.system.files import atomic_path
from recsys.system.redaction import remember_value

if TYPE_CHECKING:
    from model_signing import hashing

logger = logging.getLogger(__name__)

FILE = "assets.extra/model.sig"
# Names the public key without whose signature nothing is loaded.
VARIABLE = "RECSYS_VERIFY_KEY"
MAKER = "`openssl ecparam -name prime256v1 -genkey -noout -out release.key`"
# A pipe holds as much at least, on any system; a key is a tenth of it.
LONGEST_KEY = 4096


def signing_key(name: str) -> str:
    """The private key that ``export.signing_key`` names, as PEM text.

    Args:
        name: see :mod:`recsys.protection.keys`.

    Raises:
        InputError: it is not here, cannot be read, or is not such a key.
    """
    text, place = secret_named(name, ", with which models are signed", MAKER)
    return _checked_key(text, place)


def signing_key_in(file: Path) -> str:
    """The private key in a file, as PEM text.

    Args:
        file: which only its owner may read.

    Raises:
        InputError: it cannot be read, or by others too, or is not such a key.
    """
    return _checked_key(secret_in_file(file, "--key"), str(file))


def _checked_key(text: str, place: str) -> str:
    remember_value(text.strip(), f"${{{place}}}")
    signing = require("model_signing.signing", extra="signing", what="a signature")
    try:
        if len(text) > LONGEST_KEY:
            raise ValueError("it is too long")
        with _as_file(text) as path:
            signing.Config().use_elliptic_key_signer(private_key=path)
    except Exception as error:
        # The library raises what the first of several parsers raised: the text may be anything.
        encrypted = "ENCRYPTED" in text
        raise InputError(
            f"{place} is not a private key that models are signed with"
            f"{', as it is encrypted' if encrypted else ''}: expected the PEM text of one on the "
            f"curve P-256, P-384 or P-521, such as {MAKER} makes"
        ) from (None if encrypted else error)
    return text


def sign(folder: Path, key: str) -> Path:
    """Signs a finished SavedModel and returns the signature's file, which replaces an older one.

    Args:
        folder: of a version, with its manifest.
        key: the private key, as PEM text.
    """
    signing = require("model_signing.signing", extra="signing", what="a signature")
    with atomic_path(folder / FILE) as draft, _as_file(key) as path:
        config = signing.Config().use_elliptic_key_signer(private_key=path)
        relative = draft.relative_to(folder).as_posix()
        config.set_hashing_config(_hashing([FILE, relative])).sign(folder, draft)
    return folder / FILE


def check_signature(folder: Path, key: Path) -> None:
    """Refuses a SavedModel that the owner of a key has not signed as it is.

    Args:
        folder: of a version.
        key: the public key, a PEM file.

    Raises:
        Damaged: the signature cannot be read, or is not of these files.
        InputError: there is no signature, it was made with another key, or the key cannot be used.
    """
    verifying = require("model_signing.verifying", extra="signing", what="to check a signature")
    signature = folder / FILE
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except OSError as error:
        raise InputError(f"the public key {key} cannot be read: {error.strerror}") from None
    except Exception as error:
        raise InputError(
            f"{key} is not a public key that signatures of models are checked with: expected a PEM "
            "file, such as `openssl ec -in release.key -pubout -out release.pub` makes"
        ) from error
    if not signature.is_file():
        raise InputError(
            f"{folder} is not signed (it has no {FILE}), and the key {key} asks for a signature: "
            "`recsys sign` with the private key makes one, `export.signing_key` at every export"
        )
    try:
        config.set_hashing_config(_hashing([FILE])).verify(folder, signature)
    except Exception as error:  # parsers of JSON, Base64 and keys have no error in common
        said = str(error)
        if said.startswith("Key mismatch"):
            raise InputError(
                f"{signature} was made with another key than {key}, or is damaged: give the public "
                "key of those who published the model"
            ) from error
        if said.startswith("Signature mismatch"):
            raise Damaged(
                folder,
                "Take it from where it was published",
                f"is not what was signed ({_differences(said)})",
            ) from error
        raise Damaged(
            signature,
            "Sign the model again (`recsys sign`), or take it from where it was published",
            "is damaged or forged: the signature does not hold",
        ) from error


def _differences(said: str) -> str:
    """What the library says of files that differ, without their digests."""
    patterns = {
        "changed": r"Hash mismatch for '(.*)': Expected",
        "added": r"Extra files found in model '.*': (.*)",
        "missing": r"Missing files in model '.*': (.*)",
    }
    sentences = ast.literal_eval(said.partition(": ")[2])
    found = {
        what: [match[1] for each in sentences if (match := re.match(pattern, each))]
        for what, pattern in patterns.items()
    }
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in found.items() if names)


def required_key(given: Path | None = None) -> Path | None:
    """The public key by which models must be signed: the one given, or that of the environment."""
    if given is not None:
        return given
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else None


def refuse_unsigned(folder: Path, key: Path | None = None) -> None:
    """Has whatever loads a SavedModel demand a signature, where a key is configured; says so.

    Args:
        folder: of a version, whose files are those of its manifest.
        key: the public key; None: the one that ``RECSYS_VERIFY_KEY`` names, if it does.

    Raises:
        Damaged, InputError: see :func:`check_signature`.
    """
    if (required := required_key(key)) is not None:
        check_signature(folder, required)
        logger.info("%s: signed with the key of %s, and unchanged since", folder, required)


def _hashing(ignored: list[str]) -> "hashing.Config":
    """What is signed: every file, those of Git too, but for some."""
    hashing = require("model_signing.hashing", extra="signing", what="a signature")
    config = hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    return config.set_ignored_paths(paths=ignored, ignore_git_paths=False)


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[Path]:
    """A path that the library reads a key from, which is on no disk."""
    reader, writer = os.pipe()
    try:
        try:
            os.write(writer, text.encode())
        finally:
            os.close(writer)
        yield Path(f"/dev/fd/{reader}")
    finally:
        os.close(reader)
