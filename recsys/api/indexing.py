"""An approximate index of a run's items."""

from pathlib import Path
from typing import Any

import numpy as np

from recsys.api import answers
from recsys.data.dataset import Dataset
from recsys.experiment.file import overridden, validated
from recsys.experiment.schema import Experiment
from recsys.export.ann.build import publish_index
from recsys.export.ann.config import IndexConfig
from recsys.export.ann.index import INDEX, ApproximateIndex, library
from recsys.export.blocks import embed_many, embed_many_items
from recsys.export.recommend import Recommender
from recsys.pipeline import fitted_part
from recsys.runs.console import say, working
from recsys.runs.folder import RunFolder
from recsys.system.files import refuse_other


def index(
    run: RunFolder, experiment: Experiment, model: Recommender, folder: Path | None, settings: Any
) -> ApproximateIndex:
    """Builds and publishes an index; see :meth:`recsys.api.run.Run.index`.

    Args:
        run: whose model it is.
        experiment: of the run.
        model: the SavedModel.
        folder: to write; None: that of the model's version in the run.
        settings: of :class:`recsys.export.ann.config.IndexConfig`, a mapping or ``key=value``.
    """
    config = validated(IndexConfig, overridden({}, settings), "the settings of the index")
    library()
    dataset = run.dataset_of(model.manifest)
    folder = run.path / "index" / model.manifest["version"] if folder is None else folder
    refuse_other(folder, INDEX, "an approximate index")
    with working("building the index"):
        catalogue = model.manifest["model"]["catalogue_items"]
        recommended = np.flatnonzero(dataset.recommendable(fitted_part(experiment))[:catalogue])
        ids = [dataset.item_ids[item] for item in recommended]
        vectors = embed_many_items(model, ids)
        queries = query_vectors(model, dataset, config.queries)
        version = model.manifest["version"]
        manifest = publish_index(folder, model.folder, version, vectors, ids, queries, config)
    say(
        f"{manifest['items']:,} items, {manifest['settings']['kind']}: finds "
        f"{manifest['recall']:.4f} of the {manifest['k']} best, measured on "
        f"{manifest['queries']:,} queries; {manifest['index_bytes'] / 2**20:.1f} MiB"
    )
    return ApproximateIndex.load(folder, model.folder)


def query_vectors(model: Recommender, dataset: Dataset, most: int) -> np.ndarray:
    """Vectors of users as they are asked about: of the test part where there are any."""
    begins, ends = dataset.part_range("test")
    users = np.flatnonzero(ends > begins)
    if len(users) < 2:
        users = np.arange(dataset.users)
    chosen = users[np.unique(np.linspace(0, len(users) - 1, min(most, len(users))).astype(int))]
    asked = answers.of_users(model, dataset, [dataset.user_ids[user] for user in chosen])
    return embed_many(model, asked.queries)
