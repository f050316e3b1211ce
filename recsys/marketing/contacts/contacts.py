"""The table of contact details: how each user can be reached."""

from collections.abc import Callable, Mapping, Set
from typing import Literal, get_args

import pandas as pd
from pydantic import Field, field_validator, model_validator

from recsys.data.sources.config import FileConfig
from recsys.errors import InputError
from recsys.marketing.contacts.countries import REGIONS, country_code
from recsys.marketing.contacts.identifiers import (
    Unusable,
    advertising_id,
    email_address,
    person_name,
    postcode,
    push_token,
)
from recsys.marketing.contacts.phones import NoCountry, phone_number
from recsys.marketing.tables.columns import read_columns
from recsys.marketing.tables.strangers import stranger_notes
from recsys.protection.pseudonyms import StoredId, as_given
from recsys.system.display import counted

# What advertising platforms take, and the one detail that they do not.
Detail = Literal[
    "email", "phone", "first_name", "last_name", "country", "postcode", "advertising_id"
]
DETAILS: tuple[str, ...] = (*get_args(Detail), "push_token")
# A spreadsheet makes numbers of these: 10115.0 is 10115.
NUMERIC = ("phone", "postcode")
READERS: Mapping[str, Callable[[str], str]] = {
    "email": email_address,
    "first_name": person_name,
    "last_name": person_name,
    "country": country_code,
    "postcode": postcode,
    "advertising_id": advertising_id,
    "push_token": push_token,
}


class ContactsConfig(FileConfig):
    """The table of contact details, a row per user: which of its columns holds what.

    A telephone number without a country code is read in the country of its row; without a column
    of countries, in ``region``; and otherwise not at all, nor if it is not written as numbers are
    there (``phones.py``).
    """

    key: str = Field(description="column with the user's id, as in the log")
    email: str | None = Field(None, description="column with the e-mail address")
    phone: str | None = Field(
        None, description="column with the telephone number, national or international"
    )
    first_name: str | None = Field(None, description="column with the first name")
    last_name: str | None = Field(None, description="column with the last name")
    country: str | None = Field(
        None,
        description="column with the country of residence: its ISO 3166-1 code, such as DE or DEU, "
        "or its name in English, German, French, Spanish, Italian, Dutch, Polish, Portuguese or "
        "Chinese; a telephone number without a country code is read as one of it",
    )
    postcode: str | None = Field(None, description="column with the postal code")
    advertising_id: str | None = Field(
        None, description="column with the mobile advertising id (IDFA or GAID)"
    )
    push_token: str | None = Field(
        None,
        description="column with the token of the user's device, for a tool of push notifications "
        "that does not find devices by the user's id",
    )
    region: str | None = Field(
        None,
        description="country of all telephone numbers without a country code, ISO 3166-1 alpha-2 "
        "such as DE, if there is no column of countries. Numbers of other countries can look like "
        "its own (13129574966 is in Chicago, or a mobile phone in China): map `country` if users "
        "live in several",
    )
    international: bool = Field(
        False,
        description="whether every telephone number begins with its country code, also without a "
        "plus sign: 8613812345678 is +8613812345678",
    )

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        if region is not None and region not in REGIONS:
            raise ValueError(
                f"{region!r} is not a country with telephone numbers: give its ISO 3166-1 alpha-2 "
                "code in capitals, such as DE"
            )
        return region

    @model_validator(mode="after")
    def _one_way_to_read_numbers(self) -> "ContactsConfig":
        if self.region is not None and self.international:
            raise ValueError(
                "`region` is the country of telephone numbers without a country code, and "
                "`international` is for tables without such numbers: take one of them out"
            )
        if self.region is not None and self.country is not None:
            raise ValueError(
                "the country of a telephone number without a country code is that of its row "
                f"(column {self.country!r}), so that `region` would never be used: take it out, "
                "or `country`"
            )
        return self


class Contacts:
    """Contact details by user, as given and as read.

    Args:
        table: ``user`` (ids as in the dataset, each once) and those of :data:`DETAILS` that have a
            column, as text, None where empty.
        region: country of telephone numbers without a country code, ISO 3166-1 alpha-2; not asked
            where ``table`` has a column ``country``.
        international: whether every telephone number begins with its country code.

    Attributes:
        details: those that have a column.
        rows: details by user, as given.
    """

    def __init__(
        self, table: pd.DataFrame, region: str | None = None, international: bool = False
    ) -> None:
        self.details = [str(name) for name in table.columns if name != "user"]
        rows = table[["user", *self.details]].set_index("user").to_dict("index")
        self.rows: Mapping[str, Mapping[str, str | None]] = rows  # type: ignore[assignment]
        self._region = region
        self._international = international

    def given(self, user: str, detail: str) -> str | None:
        """A detail as it stands in the table, None where the user has none or is not in it."""
        text = self.rows.get(user, {}).get(detail)
        return text if isinstance(text, str) and text.strip() else None

    def read(self, user: str, detail: str) -> str:
        """A detail in its one spelling.

        Raises:
            Unusable: it is missing or cannot be read.
        """
        text = self.given(user, detail)
        if text is None:
            raise Unusable("none given")
        if detail != "phone":
            return READERS[detail](text)
        try:
            return phone_number(text, self._country(user), international=self._international)
        except NoCountry:
            country = self.given(user, "country")
            if country is None:
                raise
            raise NoCountry(f"`country` is {_unread(country)}") from None

    def _country(self, user: str) -> str | None:
        """The country whose telephone numbers the user writes without a country code."""
        if "country" not in self.details:
            return self._region
        return region_of(self.given(user, "country"))


def region_of(country: str | None) -> str | None:
    """The country whose telephone numbers are known, of a cell; None where it names none."""
    try:
        code = country_code(country or "")
    except Unusable:
        return None
    return code if code in REGIONS else None


def _unread(country: str) -> str:
    """Why a cell names no country whose telephone numbers are known."""
    try:
        country_code(country)
    except Unusable as error:
        return str(error)
    return "a country without telephone numbers of its own"


def read_contacts(config: ContactsConfig, stored: StoredId = as_given) -> Contacts:
    """The contact details as they stand in the table, not yet checked.

    Args:
        config: the table. Rows without a user are left out.
        stored: what its users' ids are in the log's dataset.

    Raises:
        InputError: the table cannot be read, lacks a column, or has a user twice.
    """
    columns: dict[str, str | None] = {name: getattr(config, name) for name in DETAILS}
    found = read_columns(config, {"user": config.key, **columns}, ["user", *NUMERIC], stored=stored)
    found = found[found["user"].notnull()].reset_index(drop=True)
    again = found["user"][found["user"].duplicated()].unique()
    if len(again):
        several = counted(len(again), "user has", "users have")
        raise InputError(
            f"{config.path or config.public}: {several} more than one row of "
            f"contact details, such as {again[0]!r} (column {config.key!r}): keep one row of each"
        )
    return Contacts(found, config.region, config.international)


def contact_notes(contacts: Contacts, known: Set[str]) -> list[str]:
    """A note on the contacts whom the log does not have, if there are any.

    Args:
        contacts: of :func:`read_contacts`.
        known: ids of all users of the log.

    Raises:
        InputError: the log has none of them.
    """
    so = "so that their details count for no user"
    return stranger_notes(contacts.rows, known, "the contacts", so, "contacts.key")
