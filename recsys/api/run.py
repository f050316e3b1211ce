"""A run, as a notebook holds it: its metrics, its figures, its answers."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recsys.api.ids import excluded_of, histories_of, ids_of
from recsys.api.plots import Plots
from recsys.api.where import where_of
from recsys.errors import InputError
from recsys.system.files import given_path
from recsys.system.unfinished import Unfinished

if TYPE_CHECKING:
    import pandas as pd

    from recsys.api.answers import Asked
    from recsys.data.dataset import Dataset
    from recsys.experiment.schema import Experiment
    from recsys.export.ann.index import ApproximateIndex
    from recsys.export.recommend import Recommender
    from recsys.runs.folder import RunFolder


class Run:
    """What a training left behind: metrics, figures, and a model that answers.

    :func:`recsys.train`, :func:`recsys.run` and :func:`recsys.load` give one. It reads the run's
    folder when it is asked, and answers by the exported SavedModel, so that a notebook sees what
    is served. A model that was loaded without its run (a copied SavedModel, ``models:/…``) answers
    for histories and has its test metrics; it knows neither users nor epochs.

    Args:
        folder: of the run; None: there is only a model.
        model: the folder of the SavedModel; None: the newest of the run.
        named: how the user named the model, for messages; by default its folder.

    Attributes:
        path: the folder of the run, or that of the model where there is no run.
        plot: its figures (:class:`Plots`).

    Example:
        >>> run
        Run('runs/average/1')
        >>> run.recommend(users=["u1"], k=3)["rank"].tolist()
        [1, 2, 3]
    """

    def __init__(
        self, folder: "RunFolder | None", model: Path | None = None, named: str | None = None
    ) -> None:
        if folder is None and model is None:
            raise InputError("a run has a folder or a model; use recsys.load to open either")
        self._folder = folder
        self._model_folder = model
        self._named = named or str(model)
        self.path: Path = folder.path if folder is not None else Path(str(model))
        self.plot = Plots(self)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The experiment's name, which the run's folder has.

        Example:
            >>> run.name
            'average'
        """
        return self.experiment.name

    @cached_property
    def experiment(self) -> "Experiment":
        """Everything that the run follows from, every default spelled out.

        Raises:
            InputError: it was written by another version of recsys, or is of another task.

        Example:
            >>> run.experiment.training.epochs
            2
        """
        from recsys.experiment.written import written_experiment

        if self._folder is None:
            manifest = self.model.manifest
            parts = manifest.get("own_parts", {})
            return written_experiment(manifest["experiment"], self.path, parts)
        return self._folder.read_experiment()

    @cached_property
    def dataset(self) -> "Dataset":
        """The prepared dataset that the run reads, whose files are compared with their digests.

        Raises:
            InputError: it was removed or damaged, or the model was loaded without its run.

        Example:
            >>> run.dataset.users
            60
        """
        return self._of_the_run("dataset").dataset()

    @cached_property
    def model(self) -> "Recommender":
        """The exported SavedModel, with its manifest.

        Raises:
            InputError: nothing was exported, or a file of it is damaged.

        Example:
            >>> run.model.manifest["model"]["dim"]
            64
        """
        from recsys.export.recommend import Recommender

        if self._model_folder is None:
            return Recommender(self._of_the_run("model").model_version())
        return Recommender(self._model_folder)

    @property
    def seeds(self) -> "dict[int, Run]":
        """The runs of all seeds of the experiment (``training.seeds``) that there are, by seed.

        Example:
            >>> run.seeds
            {1: Run('runs/average/1')}
        """
        from recsys.runs.folder import RunFolder

        folders = self._of_the_run("seeds").path.parent.glob("*/experiment.yaml")
        found = [file.parent for file in folders if file.parent.name.isdigit()]
        ordered = sorted(found, key=lambda folder: int(folder.name))
        return {int(folder.name): Run(RunFolder(folder)) for folder in ordered}

    @property
    def over_seeds(self) -> "pd.DataFrame":
        """The metrics of the test part over the seeds that there are (:attr:`seeds`).

        Returns:
            A row per metric, the one that the run is judged by first: ``mean`` over seeds, ``low``
            and ``high`` of its 95 % interval (Student's t, over seeds; ``metrics`` has the one over
            users), ``deviation`` between seeds, and how many ``seeds``. NaN where one seed, or a
            metric that is not defined, has none.

        Raises:
            InputError: a seed was not evaluated, or has other settings than this one.

        Example:
            >>> run.over_seeds.loc["ndcg@10", "seeds"].item()
            1
        """
        from recsys.api.tables import seeds_frame

        runs = self.seeds
        self._refuse_other_settings(runs)
        found = [each.document("metrics")["test"] for each in runs.values()]
        return seeds_frame(found, self.experiment.evaluation.metric)

    @property
    def metrics(self) -> "pd.DataFrame":
        """The metrics of the test part, of the model and of its baselines.

        Returns:
            A row per (metric, model), the metric that the run is judged by first
            (``evaluation.metric``), with ``value``, and ``low`` and ``high`` of its 95 % interval
            (bootstrap over users), NaN where there is none. A model that was loaded without its
            run has no baselines beside it.

        Raises:
            InputError: the run was not evaluated, or its metrics are damaged.

        Example:
            >>> run.metrics.index[0], run.metrics.columns.tolist()
            (('ndcg@10', 'average'), ['value', 'low', 'high'])
            >>> run.metrics["value"].unstack("model").columns.tolist()
            ['average', 'item_knn', 'popular', 'recent_popular']
        """
        from recsys.api.tables import metrics_frame

        headline = self.experiment.evaluation.metric
        if self._folder is None:
            return metrics_frame(self.name, self.model.manifest["metrics"], {}, headline)
        found = self.document("metrics")
        return metrics_frame(self.name, found["test"], found["baselines"], headline)

    @property
    def comparisons(self) -> "pd.DataFrame":
        """The model against each baseline: the paired difference, its interval, and the verdict.

        Returns:
            A row per baseline, with the columns of :func:`recsys.compare`.

        Raises:
            InputError: the run was not evaluated, or the model was loaded without its run.

        Example:
            >>> run.comparisons["other"].tolist()
            ['popular', 'recent_popular', 'item_knn']
        """
        import pandas as pd

        return pd.DataFrame(self.document("metrics")["comparisons"])

    @property
    def history(self) -> "pd.DataFrame":
        """What training told after each epoch, a row each, by ``epoch`` from 1.

        Returns:
            ``loss`` (mean over events), ``train_seconds`` so far, and the validation metric.

        Raises:
            InputError: the run was not trained, or the model was loaded without its run.

        Example:
            >>> run.history.index.tolist()
            [1, 2]
        """
        from recsys.api.tables import history_frame

        return history_frame(self.document("history"))

    @property
    def slices(self) -> "pd.DataFrame":
        """The metrics for hot, warm and cold users and items apart.

        Returns:
            A row per (slice, metric), with ``queries`` and ``users`` in the slice, ``value``,
            ``low`` and ``high``.

        Raises:
            InputError: the run was not evaluated, or the model was loaded without its run.

        Example:
            >>> run.slices.index.names
            FrozenList(['slice', 'metric'])
        """
        from recsys.api.tables import slices_frame

        headline = self.experiment.evaluation.metric
        return slices_frame(self.document("metrics")["slices"], headline)

    def recommend(
        self,
        users: Any = None,
        *,
        histories: Any = None,
        k: int | None = None,
        exclude: Any = None,
        where: Any = None,
        why: bool = False,
    ) -> "pd.DataFrame":
        """What the exported model recommends, to some users of the log or to histories.

        The model is called once for hundreds of them. Whatever was answered otherwise than asked
        (unknown users and ids, fewer than ``k`` items) is logged as a warning and kept in
        ``frame.attrs``: ``unknown_users``, ``unknown_items``, ``unknown_excluded``, and
        ``too_few``, which has how many items a user got.

        Args:
            users: ids of users of the log: a list, an array, a Series; their history is all that
                they did, also after the split.
            histories: instead, histories of anybody, oldest event first: a list of lists of item
                ids, a mapping of users to such lists, or a frame (pandas, Polars, Arrow) with a
                row per event and the columns of the log (user, item, and time to sort by; and
                those of the event features that the model reads, which count as missing without).
            k: how many items for each, at most as many as were exported (``export.k``); 10, or
                as many as that, where it is left out.
            exclude: ids of items that are not to be recommended: a list for all, a list of
                lists, one for each user or history, or a mapping of users to lists. What was had is
                left out anyway under ``seen: exclude``.
            where: only items whose attributes are allowed, of those that were exported
                (``export.filters``): a mapping of attributes to a value or a list of values, of
                which an item must have one, or to the least and the largest number, such as
                ``{"category": ["tea", "coffee"], "price": (5, 20)}``; None is an open end. An item
                that lacks an attribute is not allowed.
            why: name what in the history raises the score of each item, in a column ``why``.

        Returns:
            A row per recommended item: ``user`` (the id; of a list of histories, its number from
            0), ``rank`` from 1, ``item``, ``title`` and ``score`` (the dot product of the query's
            and the item's vector, comparable within one model only; under ``export.rerank``, by
            what the item is where it is).

        Raises:
            InputError: neither or both of ``users`` and ``histories`` are given, there are none,
                none of the users is known, ``k`` is more than was exported, or ``where`` has an
                attribute that was not exported, or a value that no item has.

        Example:
            >>> found = run.recommend(histories=[["i3", "i4"], []], k=2)
            >>> found[["user", "rank"]].values.tolist()
            [[0, 1], [0, 2], [1, 1], [1, 2]]
        """
        from recsys.api import answers

        allowed = where_of(where, self.model.filters)
        asked = self._asked(users, histories)
        excluded = excluded_of(exclude, asked.given)
        return answers.recommend(self.model, asked, k, excluded, why, allowed)

    def recommend_all(
        self,
        out: str | Path,
        *,
        users: Any = None,
        histories: Any = None,
        k: int | None = None,
        titles: bool = False,
        shard: str | None = None,
    ) -> Path:
        """Writes what the exported model recommends to all users, as Parquet files in a folder.

        Memory is bounded, whatever the number of users, and every core (or the GPU) is used. A
        call that was stopped is continued by the same call: what is done is not done again.
        Users who are to be forgotten are left out. Files are readable by their owner only, and
        encrypted where the dataset is.

        Args:
            out: the folder: ``part-00000.parquet`` and so on, with ``user``, ``rank`` from 1,
                ``item`` and ``score``, in the order of the users; and ``_manifest.json``.
            users: ids of users of the log, or a :class:`pathlib.Path` of a file: a text file with
                one on each line, or a CSV or Parquet file with a column of them. All users of the
                log where it is left out.
            histories: instead, a frame or a path of a CSV or Parquet file with a row per event, as
                :meth:`recommend` takes it. It is held in memory.
            k: how many items for each, as :meth:`recommend` takes it.
            titles: with a column ``title``.
            shard: for several processes, on one machine or many: ``2/8`` answers the second of
                eight equal shares of the users, into the folder ``shard-2-of-8`` within ``out``.
                The rows of all shards are those of one call without.

        Returns:
            The folder that was written.

        Raises:
            InputError: the folder holds something else, or recommendations of another model, other
                users or another ``k``; none of the users is known; what was given cannot be
                read; or the shard is none, or has no user.

        Example:
            >>> import pandas as pd
            >>> folder = run.recommend_all("for-all", k=2)
            >>> pd.read_parquet(folder).columns.tolist()
            ['user', 'rank', 'item', 'score']
        """
        from recsys.api import batch_inference
        from recsys.api.history_table import table_users

        folder = given_path(out, "out")
        share = None if shard is None else batch_inference.shard_of(shard)
        log = self.experiment.data.log
        dataset = None if self._folder is None else self.dataset
        if histories is not None and users is not None:
            raise InputError("give either users or histories")
        if histories is None:
            column = log.columns.named["user"]
            source: Any = batch_inference.log_users(self.model, self.dataset, users, column)
        else:
            forgotten = batch_inference.forgotten_of(dataset)
            source = table_users(self.model, histories, log, forgotten)
        if share is not None:
            source = batch_inference.share_of(source, share)
            folder = batch_inference.shard_folder(folder, share)
        batch_inference.recommend_all(self.model, source, folder, k, titles, dataset, share)
        return folder

    def embed_users(self, users: Any = None, *, histories: Any = None) -> "pd.DataFrame":
        """The vectors of users, or of histories; the dot product with an item's is its score.

        Args:
            users, histories: see :meth:`recommend`; neither: all users of the log.

        Returns:
            float32, a row per user (the index, ``user``) and a column per dimension.

        Raises:
            InputError: as :meth:`recommend`.

        Example:
            >>> run.embed_users(["u1", "u2"]).shape
            (2, 64)
        """
        from recsys.api import answers

        if users is None and histories is None:
            users = self.dataset.user_ids
        return answers.embed(self.model, self._asked(users, histories))

    def embed_items(self, items: Any = None) -> "pd.DataFrame":
        """The vectors of items.

        Args:
            items: their ids; all that the model knows where it is left out.

        Returns:
            float32, a row per item (the index, ``item``) and a column per dimension. An item that
            the model does not know has a row of zeros, and is named in a warning and in
            ``frame.attrs["unknown_items"]``.

        Raises:
            InputError: ids are needed, as the model was loaded without its run.

        Example:
            >>> run.embed_items(["i3"]).index.tolist()
            ['i3']
        """
        from recsys.api import answers

        if items is None:
            dataset = self._of_the_run("dataset").dataset_of(self.model.manifest)
            ids = dataset.item_ids[: self.model.manifest["model"]["catalogue_items"]]
        else:
            ids = ids_of(items, "items")
        return answers.embed_items(self.model, ids)

    def export(self, destination: str | Path) -> Path:
        """Copies the SavedModel to where it is served from, whole or not at all.

        A run whose model was not exported yet is exported first.

        Args:
            destination: a folder, in which the model gets one named by its version, as TensorFlow
                Serving expects.

        Returns:
            The folder of the version: ``destination/1``.

        Raises:
            InputError: another model lies there, or nothing was trained.
            ExportError: the model could not be made.

        Example:
            >>> run.export("out").as_posix()
            'out/1'
        """
        from recsys.api.copies import copy_model

        folder = given_path(destination, "export")
        if self._folder is not None and not any(self._folder.model.glob("[0-9]*")):
            self._export()
        return copy_model(self.model.folder, self.model.manifest["version"], folder)

    def upload(self, runs_dir: str | Path = "runs") -> str:
        """Sends the run to the MLflow server that ``MLFLOW_TRACKING_URI`` names.

        Args:
            runs_dir: where the MLflow store is that holds the run now.

        Returns:
            The address of the server, and the run's id there.

        Raises:
            InputError: no server is named, it does not answer, or there is nothing to send.

        Example:
            >>> run.upload()  # doctest: +SKIP
            'http://localhost:5000 (run 3f1c…)'
        """
        from recsys import tracking

        return tracking.upload(self._of_the_run("tracking").path, Path(runs_dir))

    def refresh(self, items: Any) -> "Run":
        """Exports the model again with a newer item table, without training.

        New items get their vectors from their features, items that the table no longer has are
        not recommended any more (histories that hold them are read as before), and changed
        features and titles are taken up. The new version stands beside the others, behind the same
        gate, and is the newest of the run; where anything is refused, nothing is published. If the
        run was logged to MLflow, the new version is, too, and the next one of the registered model.

        Args:
            items: the item table as it is now: a path of files, read as ``data.items`` of the
                experiment is, or a frame with the same columns. A run without ``data.items`` needs
                the column of ids alone, called as in the log.

        Returns:
            The run, with the new model, whose manifest counts what changed
            (``run.model.manifest["refresh"]``).

        Raises:
            InputError: the table cannot be read, lacks a column, has none of the model's items, or
                has new ones that the model cannot describe, as it knows items by id alone; or the
                model was loaded without its run.
            ExportError: the gate refused.

        Example:
            >>> newer = run.refresh("items.csv")  # doctest: +SKIP
            >>> newer.model.manifest["refresh"]["new"]  # doctest: +SKIP
            3
        """
        from recsys.api.refreshing import refresh

        folder = self._of_the_run("weights")
        return Run(folder, refresh(folder, self.experiment, self.model.folder, items))

    def index(self, folder: str | Path | None = None, **settings: Any) -> "ApproximateIndex":
        """An approximate index of the items, for catalogues too large for a product with all.

        It is built by FAISS (extra ``ann``) outside the SavedModel, whose ``embed_query`` feeds it,
        and published only if it finds enough of what an exact search finds (``min_recall``) for
        queries of users with test events. ``vectors.parquet`` in its folder has the vectors with
        their ids, for any vector database.

        Args:
            folder: to write; ``index/<version>`` in the run's folder where it is left out.
            settings: see :class:`recsys.export.ann.config.IndexConfig`: ``kind`` (``hnsw``,
                ``ivf``), ``quantise`` (``int8``, ``pq``), ``min_recall`` and the others.

        Returns:
            The index; ``ApproximateIndex.load`` (:mod:`recsys.export.ann.index`) opens it again.

        Raises:
            InputError: its recall is too low (nothing is published then), a setting cannot be used,
                FAISS is not installed, or the model was loaded without its run.

        Example:
            >>> found = run.index(kind="hnsw", k=5)
            >>> query = run.embed_users(["u1"]).to_numpy()
            >>> ids, scores = found.search(query, k=3, exclude=[["i3"]])
            >>> ids.shape, found.manifest["recall"]
            ((1, 3), 1.0)
        """
        from recsys.api.indexing import index

        run = self._of_the_run("dataset")
        place = None if folder is None else given_path(folder, "index: folder")
        return index(run, self.experiment, self.model, place, settings)

    def onnx(self, folder: str | Path | None = None) -> Path:
        """The exported model as graphs of ONNX, for runtimes other than TensorFlow.

        The folder (extra ``onnx``) has a graph for each signature of the SavedModel but
        ``recommend_filtered``, which take and give ids as text; ``item_tower``, where items have
        features; the vectors of the items with their ids (``vectors.parquet``); and a manifest. It
        appears only after ONNX Runtime, on the CPU, answered the gate's probes as the SavedModel
        does, within ``export.tolerance``.

        Args:
            folder: to write, in place of an earlier export to ONNX; ``onnx/<version>`` in the run's
                folder where it is left out.

        Returns:
            The folder.

        Raises:
            InputError: an operation of the model has no counterpart in ONNX, something else is in
                the folder, a library is not installed, or the model was loaded without its run.
            ExportError: a graph does not answer as the SavedModel does; nothing is written then.

        Example:
            >>> import onnxruntime
            >>> folder = run.onnx()
            >>> session = onnxruntime.InferenceSession(folder / "serving_default.onnx")
            >>> items, scores = session.run(["item_id", "score"], {"history": [["i3", "i4"]]})
            >>> answers = run.recommend(histories=[["i3", "i4"]], k=2)
            >>> items[0, :2].tolist() == answers["item"].tolist()
            True
        """
        from recsys.api.onnx import export_onnx

        run = self._of_the_run("dataset")
        place = None if folder is None else given_path(folder, "onnx: folder")
        return export_onnx(run, self.experiment, self.model, place)

    def summary(self) -> str:
        """The metric that the run is judged by, beside the baselines, as lines of text.

        Raises:
            InputError: the run was not evaluated, or the model was loaded without its run.

        Example:
            >>> print(run.summary().splitlines()[0].strip())
            runs/average/1: test
        """
        from recsys.runs.summary import summary

        return summary(self._of_the_run("summary"))

    @property
    def report(self) -> Path:
        """The page that shows the run to anybody, one file.

        Raises:
            InputError: the run was not evaluated, or the model was loaded without its run.

        Example:
            >>> run.report.name
            'report.html'
        """
        folder = self._of_the_run("report")
        if not folder.report.is_file():
            raise Unfinished(self.path, "report")
        return folder.report

    def document(self, name: Literal["metrics", "history", "examples"]) -> Any:
        """A document of the run's folder, as it was written and checked against its digest.

        Args:
            name: of the JSON file, without its ending.

        Raises:
            InputError: it is missing or damaged, another version of recsys wrote it, or the model
                was loaded without its run.

        Example:
            >>> run.document("metrics")["fitted_part"]
            'train'
        """
        folder = self._of_the_run(name)
        file: Path = getattr(folder, name)
        if not file.is_file() and not folder.files.recorded(file):
            raise Unfinished(self.path, name)
        if name == "metrics":
            return folder.read_metrics(["test", "baselines"])
        return folder.files.read(file)

    def _repr_html_(self) -> str:
        """What a notebook shows: the metric that decides, beside the baselines."""
        from recsys.api.shown import as_html

        return as_html(self, compared=self._folder is not None)

    def _export(self) -> None:
        from recsys.api.steps import do

        seed, runs_dir = int(self.path.name), self.path.parents[1]
        if self.path.parent.name != self.name:
            raise InputError(f"{self.path} is a trial of a sweep: run the winner, best.yaml")
        list(do(self.experiment, runs_dir, only="export", seeds=[seed]))

    def _refuse_other_settings(self, runs: "dict[int, Run]") -> None:
        """Refuses seeds in the folder that are not of one experiment with this one."""
        from recsys.experiment.differences import differences, is_within
        from recsys.runs.training_claim import DECISIVE

        mine = self.experiment.dump()
        for run in runs.values():
            changed = [
                key
                for key in differences(mine, run.experiment.dump())
                if is_within(key, DECISIVE) and key != "training.seeds"
            ]
            if changed:
                raise InputError(
                    f"{run.path} has other settings than {self.path} (they differ in "
                    f"{', '.join(changed)}): no mean over the two says anything. Run it again "
                    "under another name"
                )

    def _of_the_run(self, what: str) -> "RunFolder":
        if self._folder is None:
            raise InputError(
                f"{self._named} is a model without its run, which has the {what}: name the run's "
                "folder instead (runs/NAME/SEED), or ask for histories or items that you name"
            )
        return self._folder

    def _asked(self, users: Any, histories: Any) -> "Asked":
        from recsys.api import answers

        if (users is None) == (histories is None):
            raise InputError("give either users=[…] or histories=[[…]]")
        if users is not None:
            ids = ids_of(users, "users")
            if not ids:
                raise InputError("users is empty: give at least one user's id")
            return answers.of_users(self.model, self.dataset, ids)
        from recsys.api.history_table import columns_of_features

        log = self.experiment.data.log
        features = columns_of_features(log.features, self.model.event_inputs)
        given = histories_of(histories, log.columns.named, features)
        if not given.items:
            raise InputError("histories is empty: give at least one history, which may be empty")
        return answers.of_histories(self.model, given)
