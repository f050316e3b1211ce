"""A prepared dataset with a newer catalogue: items that came, went, or are described otherwise.

The events, the users and their features stay where they are, in the dataset that a model was
trained on. A folder beside it holds what is new:

==========================  ==============  ====================================================
file                        dtype, shape    holds
==========================  ==============  ====================================================
``manifest.json``           --              the dataset's fingerprint, and digests of all files
``items.parquet``           --              ``item_id``, ``title``, in index order
``offered.npy``             bool [items]    whether the item may be recommended
``attributes.parquet``      --              as of a dataset, where the model is filtered by any
``features/item.<name>.npy``                see :mod:`recsys.data.feature`, a row per item
==========================  ==============  ====================================================

The dataset's items keep their numbers, also those that were withdrawn, so that histories are read
as before; new ones follow them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recsys.data.dataset import ATTRIBUTES, Dataset
from recsys.data.feature import Side
from recsys.data.manifest import Part
from recsys.errors import Damaged
from recsys.system.manifests import as_files, check, read_manifest, write_folder_manifest
from recsys.system.reading import reading

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
MANIFEST = "manifest.json"
MEND = "Refresh the model again (`recsys refresh`), from a version whose catalogue is whole"


@dataclass(frozen=True)
class Catalogue:
    """All items, in the order in which a refreshed dataset numbers them.

    Attributes:
        ids: of every item; those of the dataset first.
        titles: likewise; the id where there is none.
        offered: bool [items], whether an item may be recommended.
        features: by name the array of an item feature, a row per item.
        attributes: by name an attribute, a row per item.
    """

    ids: list[str]
    titles: list[str]
    offered: np.ndarray
    features: Mapping[str, np.ndarray]
    attributes: "Mapping[str, pa.Array]"

    def write(self, folder: Path, dataset: Dataset) -> None:
        """Writes the folder.

        Args:
            folder: empty.
            dataset: that the first items are of.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        (folder / "features").mkdir()
        columns = {"item_id": pa.array(self.ids, pa.string())}
        columns["title"] = pa.array(self.titles, pa.string())
        pq.write_table(pa.table(columns), folder / "items.parquet")
        np.save(folder / "offered.npy", self.offered)
        for name, values in self.features.items():
            np.save(folder / f"features/item.{name}.npy", values)
        if self.attributes:
            pq.write_table(pa.table(dict(self.attributes)), folder / ATTRIBUTES)
        document = {"format": FORMAT, "fingerprint": dataset.fingerprint}
        write_folder_manifest(folder, MANIFEST, document)


class RefreshedDataset(Dataset):
    """A dataset whose items are those of a newer catalogue.

    It is what a refreshed model is exported with. It has the fingerprint of the dataset: users,
    events and numbers of items are the same.

    Args:
        path: folder of the dataset.
        catalogue: folder that :meth:`Catalogue.write` wrote.

    Raises:
        Damaged: either is missing or not what was written, or the catalogue is of another dataset.
    """

    def __init__(self, path: str | Path, catalogue: str | Path) -> None:
        super().__init__(path)
        self.catalogue = Path(catalogue)
        file = self.catalogue / MANIFEST
        document = read_manifest(file, MEND)
        if document.get("format") != FORMAT or document["fingerprint"] != self.fingerprint:
            raise Damaged(self.catalogue, MEND, f"is not a catalogue of the dataset {self.path}")
        check(self.catalogue, as_files(document["files"], file, MEND), MEND)
        self.items = len(self.item_ids)

    @cached_property
    def item_ids(self) -> list[str]:
        """Item ids in index order: the dataset's, then those that came later."""
        return self._of_items("item_id")

    @cached_property
    def item_titles(self) -> list[str]:
        """Item titles in index order; the id where there is none."""
        return self._of_items("title")

    def attribute(self, name: str) -> "pa.ChunkedArray":
        """An attribute of the items, by which the model is filtered."""
        return self._read(ATTRIBUTES, name)

    @cached_property
    def item_counts(self) -> np.ndarray:
        """As the dataset has them; items that came later have no events."""
        return self._with_new_items(super().item_counts)

    @cached_property
    def item_targets(self) -> np.ndarray:
        """Likewise."""
        return self._with_new_items(super().item_targets)

    @cached_property
    def offered(self) -> np.ndarray:
        """bool [items]: those that are in the newest table and that the model can describe."""
        return self._saved("offered")

    def recommendable(self, last_part: Part) -> np.ndarray:
        """Of the items that are offered those that the log does not show to be context."""
        return np.asarray(super().recommendable(last_part) & self.offered)

    def feature(self, side: Side, name: str) -> np.ndarray:
        """The array of one feature; of items that of the newer catalogue."""
        return (
            self._saved(f"features/item.{name}") if side == "item" else super().feature(side, name)
        )

    def _saved(self, name: str) -> np.ndarray:
        file = self.catalogue / f"{name}.npy"
        with reading(file, MEND):
            return np.load(file, mmap_mode="r", allow_pickle=False)

    def _of_items(self, column: str) -> list[str]:
        return self._read("items.parquet", column).to_pylist()

    def _read(self, name: str, column: str) -> "pa.ChunkedArray":
        from recsys.protection.encryption import read_table

        file = self.catalogue / name
        with reading(file, MEND):
            return read_table(file, [column])[column]

    def _with_new_items(self, counts: np.ndarray) -> np.ndarray:
        return np.pad(np.asarray(counts), ((0, self.items - len(counts)), (0, 0)))
