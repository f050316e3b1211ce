"""Tables of users on disk, encrypted where a key is named: Parquet modular encryption, by pyarrow.

Every column and the footer are encrypted (AES-GCM, 256 bits) under random keys of the file, which
stand in it, wrapped under the key that is named. A file says by which key it was written, so that
reading needs no setting: the key of that name must be here.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.errors import InputError
from recsys.protection.keys import Key, key_named

if TYPE_CHECKING:
    import pandas as pd

# What an encrypted file begins with.
ENCRYPTED = b"PARE"
PURPOSE = "encryption of tables"


@dataclass(frozen=True)
class Encryption:
    """Encryption by one key.

    Attributes:
        key: by which files are encrypted.
    """

    key: Key

    def as_document(self) -> dict[str, str]:
        """What tells which key it was: its name and its id."""
        return {"key": self.key.name, "id": self.key.id}


def encryption_of(document: Any, what: str) -> Encryption | None:
    """The encryption that something was made with.

    Args:
        document: of :meth:`Encryption.as_document`; None: it was made with none.
        what: that thing, for messages.

    Raises:
        InputError: the key is not here, or it is another one.
    """
    if document is None:
        return None
    return Encryption(key_named(document["key"], document["id"], what))


def write_table(table: pa.Table, path: Path, encryption: Encryption | None = None) -> None:
    """Writes a table of users as Parquet; see :func:`table_writer`."""
    with table_writer(path, table.schema, encryption) as writer:
        writer.write_table(table)


def table_writer(
    path: Path, schema: pa.Schema, encryption: Encryption | None = None
) -> pq.ParquetWriter:
    """A writer of a table of users.

    Args:
        path: of the file.
        schema: of the table.
        encryption: by which it is encrypted; None: it is not.

    Raises:
        InputError: this pyarrow cannot encrypt whole files.
    """
    if encryption is None:
        return pq.ParquetWriter(path, schema)
    import pyarrow.parquet.encryption as pe

    if not hasattr(pe.EncryptionConfiguration, "uniform_encryption"):
        raise InputError(
            f"pyarrow {pa.__version__} cannot encrypt whole files: install a newer one, or leave "
            "`protection.encryption` out"
        )
    factory = pe.CryptoFactory(lambda _: _kms({encryption.key.name: encryption.key}, str(path)))
    config = pe.EncryptionConfiguration(
        footer_key=f"{encryption.key.name}:{encryption.key.id}",
        uniform_encryption=True,
        data_key_length_bits=256,
    )
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    return pq.ParquetWriter(path, schema, encryption_properties=properties)


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table of users, encrypted or not.

    Args:
        path: of the file.
        columns: to read; None: all.

    Raises:
        InputError: the key is not here, or it is another one.
    """
    wanted = None if columns is None else list(columns)
    return pq.read_table(path, columns=wanted, decryption_properties=_decryption(path))


def read_names(path: str | Path) -> list[str]:
    """The names of the columns of a table of users.

    Raises:
        InputError: see :func:`read_table`.
    """
    return pq.read_schema(path, decryption_properties=_decryption(path)).names


def write_frame(frame: "pd.DataFrame", path: Path, encryption: Encryption | None) -> None:
    """Writes a frame of pandas as :func:`write_table` does a table, without its index."""
    write_table(pa.Table.from_pandas(frame, preserve_index=False), path, encryption)


def read_frame(path: str | Path, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """A table of users as pandas reads it, encrypted or not.

    Raises:
        InputError: see :func:`read_table`.
    """
    import pandas as pd

    wanted = None if columns is None else list(columns)
    if not is_encrypted(path):
        return pd.read_parquet(path, columns=wanted)
    plain = io.BytesIO()
    pq.write_table(read_table(path, wanted), plain)
    return pd.read_parquet(plain)


def encryption_in(path: str | Path) -> Encryption | None:
    """The encryption by which a table was written.

    Raises:
        InputError: see :func:`read_table`.
    """
    if not is_encrypted(path):
        return None
    used: dict[str, Key] = {}
    pq.read_schema(path, decryption_properties=_decryption(path, used))
    (key,) = used.values()
    return Encryption(key)


def is_encrypted(path: str | Path) -> bool:
    """Whether a Parquet file is."""
    with Path(path).open("rb") as file:
        return file.read(len(ENCRYPTED)) == ENCRYPTED


def _decryption(path: str | Path, used: dict[str, Key] | None = None) -> Any:
    if not is_encrypted(path):
        return None
    import pyarrow.parquet.encryption as pe

    factory = pe.CryptoFactory(lambda _: _kms({} if used is None else used, str(path)))
    return factory.file_decryption_properties(pe.KmsConnectionConfig())


def _kms(known: dict[str, Key], what: str) -> Any:
    """What wraps the keys of a file, and unwraps them (RFC 3394).

    Args:
        known: keys by name, for wrapping; those that are looked for are put there.
        what: the file, for messages.
    """
    import pyarrow.parquet.encryption as pe
    from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

    class Kms(pe.KmsClient):
        def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
            key = known[master_key_identifier.partition(":")[0]]
            return base64.b64encode(aes_key_wrap(key.derived(PURPOSE), key_bytes))

        def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
            name, _, expected = master_key_identifier.partition(":")
            key = known[name] = key_named(name, expected, what)
            return aes_key_unwrap(key.derived(PURPOSE), base64.b64decode(wrapped_key))

    return Kms()
