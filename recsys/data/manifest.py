"""The description of a prepared dataset, written into its folder."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from recsys.config import StrictConfig
from recsys.data.feature import Feature, Side
from recsys.system.manifests import Files, write_folder_manifest

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FORMAT = 4
MANIFEST = "manifest.json"


class Manifest(StrictConfig):
    """The description of a dataset folder, written into it."""

    format: int = FORMAT
    fingerprint: str
    users: int
    items: int
    events: int
    part_events: dict[Part, int]
    known_items: dict[Part, int] = Field(
        description="length of the prefix of items that have events up to and including the part"
    )
    has_order: bool = Field(description="events of a user have an order (time or order column)")
    has_time: bool = Field(description="event_times.npy is there")
    has_items: bool = Field(True, description="the log names items; else all events are of one")
    has_context: bool = Field(False, description="some events weigh 0: item_targets.npy is there")
    context_items: int = Field(0, description="items whose events all weigh 0")
    user_features: tuple[Feature, ...] = ()
    item_features: tuple[Feature, ...] = ()
    event_features: tuple[Feature, ...] = ()
    settings: dict[str, Any] = Field(description="the experiment's `data` section, resolved")
    versions: dict[str, dict[str, Any]] = Field(
        {},
        description="of log, users and items, those that are tables of a lake: format, id of the "
        "table, version and when it was written",
    )
    quality: dict[str, Any] = Field(description="rows read, kept, quarantined by reason, notes")
    split: dict[str, Any] = Field(description="leakage audit, as in metrics.json")
    pseudonyms: dict[str, str] | None = Field(
        None,
        description="name and id of the key that replaced user ids; null: they stay",
    )
    encryption: dict[str, str] | None = Field(
        None, description="name and id of the key of encrypted tables; null: they are not encrypted"
    )
    source_fingerprint: str = Field(
        "", description="of the log, tables and settings, whichever users were left out"
    )
    forgotten: str | None = Field(
        None, description="digest of the list of forgotten users that was heeded"
    )
    cut_users: int = Field(0, description="users who were cut out since it was prepared")
    files: Files = Field({}, description="what every other file of the folder holds")

    def features(self, side: Side) -> tuple[Feature, ...]:
        """The features of users, items or events."""
        by_side = {
            "user": self.user_features,
            "item": self.item_features,
            "event": self.event_features,
        }
        return by_side[side]

    def write(self, folder: Path) -> None:
        """Writes it into the folder of a finished dataset, with the digests of what is there."""
        write_folder_manifest(folder, MANIFEST, self.model_dump(mode="json"))
