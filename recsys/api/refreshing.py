"""A trained model with a newer item table: exported again, without training."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa

from recsys.data.dataset import Dataset
from recsys.data.prepare.item_table import ItemTable, likeness, read_item_table
from recsys.data.refreshed import Catalogue, RefreshedDataset
from recsys.errors import InputError, ParityError
from recsys.experiment.schema import Experiment
from recsys.export.export import export_in_subprocess, require_retrieval_layers
from recsys.export.manifest import verified_manifest
from recsys.export.precision import full_float32_products
from recsys.export.probes import Probes, write_probes
from recsys.export.recommend import Recommender
from recsys.models.retriever import Retriever
from recsys.models.saved import load_retriever, save_retriever
from recsys.pipeline import export_request, fitted_part
from recsys.runs.console import say, warn, working
from recsys.runs.folder import RunFolder
from recsys.system.display import counted
from recsys.system.files import draft_folder, locked, remove_drafts, whole_folder
from recsys.tracking import log_further

EXAMPLES = 5


def refresh(run: RunFolder, experiment: Experiment, before: Path, items: Any) -> Path:
    """Publishes a new version of a run's model, with the items of a newer table.

    Args:
        run: whose model it is.
        experiment: of the run.
        before: folder of the version whose items are known already.
        items: the newer table, a path of files or a frame.

    Returns:
        The folder of the new version.

    Raises:
        InputError, ExportError: see :meth:`recsys.api.run.Run.refresh`.
    """
    require_retrieval_layers()
    busy = f"another process is at work in {run.path}: wait for it"
    with locked(run.path, busy):
        remove_drafts(run.path)
        with draft_folder(run.path / "refresh") as scratch:
            folder = _Refreshing(run, experiment, before, scratch).publish(items)
        if experiment.tracking.enabled:
            with working("logging the model to MLflow"):
                _log(run, experiment, folder)
    return folder


def _log(run: RunFolder, experiment: Experiment, folder: Path) -> None:
    """Logs a new version to the run's MLflow run, if it has one."""
    manifest = verified_manifest(folder)
    example = Recommender(folder).input_example(run.dataset_of(manifest))
    counts = manifest["refresh"]
    about = (
        f"Version {manifest['version']}, made of version {counts['from']} with a newer item table "
        f"({counts['new']:,} new, {counts['withdrawn']:,} withdrawn); not evaluated by itself."
    )
    runs_dir, name = run.path.parents[1], run.path.parent.name
    log_further(experiment.tracking, run.path, runs_dir, name, folder, example, about)


@dataclass(frozen=True)
class _Merged:
    """The items that a model knew, and those of a newer table.

    Attributes:
        catalogue: all of them; those that were known keep their numbers.
        taught: by feature what the model reads of them, a row per item of its catalogue.
        is_listed: bool [items], whether the newer table has them.
        counts: what changed, as in the manifest.
    """

    catalogue: Catalogue
    taught: Mapping[str, np.ndarray]
    is_listed: np.ndarray
    counts: Mapping[str, int]


class _Refreshing:
    """One refresh.

    Args:
        run, experiment, before: see :func:`refresh`.
        scratch: an empty folder.
    """

    def __init__(self, run: RunFolder, experiment: Experiment, before: Path, scratch: Path) -> None:
        self._run, self._experiment, self._scratch = run, experiment, scratch
        self._manifest = verified_manifest(before)
        self._state = run.dataset_of(self._manifest)
        # Of the items as they were trained on.
        self._dataset = Dataset(self._state.path)
        self._part = fitted_part(experiment)
        self._reads = experiment.model.item.features

    def publish(self, items: Any) -> Path:
        """Reads the table, and writes the new version."""
        run = self._run
        table_folder = self._scratch / "table"
        table_folder.mkdir()
        with working("reading the items"):
            table = read_item_table(
                items,
                self._experiment.data,
                self._dataset,
                self._reads,
                self._experiment.export.filters,
                table_folder,
            )
        retriever = load_retriever(run.files.checked(run.retriever)).in_float32()
        merged = self._merge(table, retriever)
        versions = [int(folder.name) for folder in run.model.glob("*") if folder.name.isdigit()]
        version = str(max(versions, default=0) + 1)
        catalogue = run.catalogues / version
        with whole_folder(catalogue, replaces=True) as folder:
            merged.catalogue.write(folder, self._dataset)
        try:
            with working("exporting the SavedModel"):
                counts = self._export(version, catalogue, retriever, merged)
        except BaseException:
            shutil.rmtree(catalogue, ignore_errors=True)
            raise
        for note in [*table.notes, *self._notes(counts, table)]:
            warn(f"  {note}")
        say(self._sentence(counts))
        return run.model / version

    def _merge(self, table: ItemTable, retriever: Retriever) -> _Merged:
        """The known items and the new ones.

        Raises:
            InputError: the table has none of the model's items, or new ones for a model that
                knows items by id alone.
        """
        state, known = self._state, len(self._state.item_ids)
        places = {item: place for place, item in enumerate(state.item_ids)}
        new = [item for item in table.ids if item not in places]
        if len(new) == len(table.ids):
            raise InputError(
                f"the table of {counted(len(new), 'item')} has none of the {known:,} items that "
                f"the model knows{likeness(new, state.item_ids)}"
            )
        if new and not self._reads:
            shown = ", ".join(map(repr, new[:EXAMPLES]))
            raise InputError(
                f"the table has {counted(len(new), 'item')} that the model does not know, such as "
                f"{shown}, and the model knows items by id alone (model.item.features is empty): "
                "leave them out of the table, or train a model that reads item features"
                f"{likeness(new, self._withdrawn(table))}"
            )
        ids = [*state.item_ids, *new]
        places |= {item: known + number for number, item in enumerate(new)}
        listed = np.array([places[item] for item in table.ids], np.int64)
        is_listed = np.zeros(len(ids), bool)
        is_listed[listed] = True
        features = {}
        for name, values in table.features.items():
            before = np.asarray(state.feature("item", name))
            features[name] = np.concatenate(
                [before, np.zeros((len(new), *before.shape[1:]), before.dtype)]
            )
            features[name][listed] = values
        fitted = {name: self._dataset.feature("item", name) for name in self._reads}
        taught = retriever.item_tower.taught(fitted, features)
        is_described = np.zeros(len(ids), bool)
        for values in taught.values():
            is_described |= np.asarray(values).reshape(len(ids), -1).any(axis=1)
        # What was trained on is recommended as it was; of later ones there must be something to
        # go by.
        came_later = np.arange(len(ids)) >= self._dataset.items
        offered = is_listed & (is_described | ~came_later)
        attributes = self._attributes(table, listed, len(ids))
        titles, retitled = self._titles(table, listed, new)
        taught_before = retriever.item_tower.taught(
            fitted, {name: state.feature("item", name) for name in self._reads}
        )
        changed = np.zeros(known, bool)
        for name, values in taught.items():
            changed |= (values[:known] != taught_before[name]).reshape(known, -1).any(axis=1)
        counts = {
            "new": len(new),
            "changed": int((changed & is_listed[:known]).sum()),
            "retitled": retitled,
            "undescribed": int((is_listed & came_later & ~is_described).sum()),
        }
        return _Merged(
            Catalogue(ids, titles, offered, features, attributes), taught, is_listed, counts
        )

    def _attributes(self, table: ItemTable, listed: np.ndarray, items: int) -> dict[str, pa.Array]:
        """The attributes of all items; those that the table lacks keep theirs."""
        known = len(self._state.item_ids)
        places = np.arange(items)
        places[listed] = known + np.arange(len(listed))
        found = {}
        for name, values in table.attributes.items():
            both = pa.chunked_array([*self._state.attribute(name).chunks, values])
            found[name] = both.take(pa.array(places)).combine_chunks()
        return found

    def _titles(
        self, table: ItemTable, listed: np.ndarray, new: list[str]
    ) -> tuple[list[str], int]:
        """The titles of all items, and how many known ones have another."""
        titles, known = [*self._state.item_titles, *new], len(self._state.item_ids)
        retitled = 0
        for place, title in zip(listed, table.titles, strict=True):
            if title is not None:
                retitled += bool(place < known and titles[place] != title)
                titles[place] = title
        return titles, retitled

    def _withdrawn(self, table: ItemTable) -> list[str]:
        """The items that the table lacks."""
        listed = set(table.ids)
        return [item for item in self._state.item_ids if item not in listed]

    def _export(
        self, version: str, catalogue: Path, trained: Retriever, merged: _Merged
    ) -> dict[str, int]:
        """Exports by the catalogue; returns all counts.

        Raises:
            InputError: no item is left that can be recommended.
            ParityError: an item that nothing changed has another vector.
        """
        dataset = RefreshedDataset(self._dataset.path, catalogue)
        size = dataset.items if self._reads else trained.catalogue_items
        counts = {**merged.counts, **self._moved(dataset, size, merged)}
        if not counts["recommended"]:
            raise InputError(
                "no item is left to recommend: the table has none of those that were recommended"
            )
        refreshed = trained.with_catalogue(size, merged.taught)
        file, probes_file = self._scratch / "retriever.keras", self._scratch / "probes.npz"
        save_retriever(refreshed, file)
        config = self._experiment.export.model_copy(update={"version": version})
        probes = write_probes(refreshed, dataset, probes_file, config.probes)
        self._check_unchanged(trained, refreshed, probes)
        request = export_request(self._run, self._experiment, dataset, probes_file)
        update = {
            "retriever": file,
            "catalogue": catalogue,
            "config": config,
            "ranks": None,  # of the catalogue that was evaluated
            "refresh": {"from": self._manifest["version"], **counts},
        }
        export_in_subprocess(request.model_copy(update=update))
        return counts

    def _moved(self, dataset: Dataset, size: int, merged: _Merged) -> dict[str, int]:
        """How many items are recommended, and were."""
        after = dataset.recommendable(self._part)[:size]
        model = self._manifest["model"]["catalogue_items"]
        was = self._state.recommendable(self._part)[:model]
        was = np.pad(was, (0, size - len(was)))
        came = np.arange(size) >= len(self._state.item_ids)
        return {
            "withdrawn": int((was & ~merged.is_listed[:size]).sum()),
            "restored": int((after & ~was & ~came).sum()),
            "kept": int((after & was).sum()),
            "unknown_to_model": int(merged.is_listed[size:].sum()),
            "recommended": int(after.sum()),
        }

    def _check_unchanged(self, trained: Retriever, refreshed: Retriever, probes: Probes) -> None:
        """Holds the refreshed model to the trained one, where nothing changed.

        Raises:
            ParityError: they differ.
        """
        items = min(trained.catalogue_items, refreshed.catalogue_items)
        same = np.ones(items, bool)
        for name, values in refreshed.item_tower.feature_values.items():
            before = keras.ops.convert_to_numpy(trained.item_tower.feature_values[name])[:items]
            now = keras.ops.convert_to_numpy(values)[:items]
            same &= (before == now).reshape(items, -1).all(axis=1)
        with full_float32_products():
            vectors = keras.ops.convert_to_numpy(trained.item_vectors())[:items]
        scale = np.maximum(np.linalg.norm(vectors, axis=1), np.finfo(np.float32).tiny)
        distance = np.linalg.norm(probes.item_vectors[:items] - vectors, axis=1) / scale
        worst = float(distance[same].max(initial=0.0))
        if not worst <= self._experiment.export.tolerance:
            raise ParityError(
                f"the vectors of items that nothing changed differ from the trained model's by "
                f"{worst:.2g} relative. Nothing was published."
            )

    def _notes(self, counts: Mapping[str, int], table: ItemTable) -> list[str]:
        notes = []
        if counts["withdrawn"] and counts["new"]:
            places = set(self._state.item_ids)
            new = [item for item in table.ids if item not in places]
            if why := likeness(new, self._withdrawn(table)):
                notes.append(f"items that seem to be new and withdrawn at once{why}")
        if count := counts["undescribed"]:
            notes.append(
                f"new items that no feature describes, and which are not recommended: {count:,}"
            )
        if count := counts["unknown_to_model"]:
            notes.append(
                f"items of the table that are unknown to the model, as training had no events of "
                f"them: {count:,}"
            )
        if counts["changed"] and self._experiment.model.item.cold_start is not None:
            notes.append(
                "known items keep their vectors whatever their features say (model.item.cold_start)"
            )
        return notes

    @staticmethod
    def _sentence(counts: Mapping[str, int]) -> str:
        named = ("new", "withdrawn", "restored", "changed", "retitled", "kept", "recommended")
        return "items: " + ", ".join(f"{counts[name]:,} {name}" for name in named)
