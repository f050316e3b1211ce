"""The table of contact details: how each user can be reached."""

from typing import Literal, get_args

import pandas as pd
from pydantic import Field, field_validator

from recsys.data.sources import FileConfig
from recsys.errors import InputError
from recsys.marketing.campaigns.identifiers import REGIONS
from recsys.marketing.tables import read_columns

Detail = Literal[
    "email", "phone", "first_name", "last_name", "country", "postcode", "advertising_id"
]
DETAILS: tuple[Detail, ...] = get_args(Detail)
# A spreadsheet makes numbers of these: 10115.0 is 10115.
NUMERIC = ("phone", "postcode")


class ContactsConfig(FileConfig):
    """The table of contact details, a row per user: which of its columns holds what."""

    key: str = Field(description="column with the user's id, as in the log")
    email: str | None = Field(None, description="column with the e-mail address")
    phone: str | None = Field(
        None, description="column with the telephone number, national or international"
    )
    first_name: str | None = Field(None, description="column with the first name")
    last_name: str | None = Field(None, description="column with the last name")
    country: str | None = Field(
        None, description="column with the country of residence, ISO 3166-1 alpha-2, such as DE"
    )
    postcode: str | None = Field(None, description="column with the postal code")
    advertising_id: str | None = Field(
        None, description="column with the mobile advertising id (IDFA or GAID)"
    )
    region: str | None = Field(
        None,
        description="country of telephone numbers without a country code, ISO 3166-1 alpha-2, "
        "such as DE; left out: such numbers are not used",
    )

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str | None) -> str | None:
        if region is not None and region not in REGIONS:
            raise ValueError(
                f"{region!r} is no country with telephone numbers: give its ISO 3166-1 alpha-2 "
                "code in capitals, such as DE"
            )
        return region


def read_contacts(config: ContactsConfig) -> pd.DataFrame:
    """The contact details as they stand in the table, not yet checked.

    Args:
        config: the table.

    Returns:
        ``user`` (in the form that ids have in a dataset) and those of :data:`DETAILS` that
        have a column, as text, None where empty. Rows without a user are left out.

    Raises:
        InputError: the table cannot be read, lacks a column, or has a user twice.
    """
    columns: dict[str, str | None] = {name: getattr(config, name) for name in DETAILS}
    found = read_columns(config, {"user": config.key, **columns}, ["user", *NUMERIC])
    found = found[found["user"].notnull()].reset_index(drop=True)
    again = found["user"][found["user"].duplicated()].unique()
    if len(again):
        raise InputError(
            f"{config.path or config.public}: {len(again)} users have more than one row of "
            f"contact details, such as {again[0]!r} (column {config.key!r}): keep one row of each"
        )
    return found
