"""An experiment's settings of what is promised to users."""

from typing import TYPE_CHECKING

from pydantic import Field

from recsys.config import StrictConfig
from recsys.protection.keys import KeyName, key_named
from recsys.protection.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from recsys.protection.encryption import Encryption


class PseudonymsConfig(StrictConfig):
    """User ids replaced by a keyed hash as they are read."""

    key: KeyName = Field(
        description="name of the key, such as users: it is in the environment, as "
        "RECSYS_KEY_USERS, or RECSYS_KEY_USERS_FILE or RECSYS_KEY_USERS_COMMAND says where"
    )


class EncryptionConfig(StrictConfig):
    """Tables of users encrypted on disk."""

    key: KeyName = Field(description="name of the key, which is found as that of pseudonyms")


class ProtectionConfig(StrictConfig):
    """How the users of a log are protected."""

    pseudonyms: PseudonymsConfig | None = Field(
        None,
        description="replace user ids by HMAC-SHA-256 under a key as they are read, in the log and "
        "in the table of users; every command goes on taking the ids of the log",
    )

    encryption: EncryptionConfig | None = Field(
        None,
        description="encrypt the tables that hold ids of users (Parquet modular encryption) of "
        "datasets, runs, audiences, campaigns and replays; not the files that other tools import",
    )

    def open_encryption(self) -> "Encryption | None":
        """That by the key that is named; None: tables are not encrypted.

        Raises:
            InputError: the key is not here.
        """
        from recsys.protection.encryption import Encryption

        return None if self.encryption is None else Encryption(key_named(self.encryption.key))

    def open_pseudonyms(self) -> Pseudonyms | None:
        """Those of the key that is named; None: user ids stay.

        Raises:
            InputError: the key is not here.
        """
        return None if self.pseudonyms is None else Pseudonyms(key_named(self.pseudonyms.key))
