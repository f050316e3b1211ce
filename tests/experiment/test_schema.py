"""Experiment files: what is refused, and how the message helps."""

import re
import subprocess

import pytest
import yaml

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.experiment.schema import Experiment, load_experiment
from recsys.runs.folder import RunFolder
from recsys.training.checkpoint import save_checkpoint
from tests.datasets import checkerboard

DOCUMENT = {
    "data": {"log": {"path": "log.csv", "columns": {"user": "u", "item": "i", "time": "t"}}},
    "model": {"query": {"encoder": {"kind": "lstm"}}},
}


def load(tmp_path, document=DOCUMENT, overrides=()) -> Experiment:
    path = tmp_path / "my-experiment.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return load_experiment(path, list(overrides))


def refused(tmp_path, document=DOCUMENT, overrides=()) -> str:
    with pytest.raises(InputError) as caught:
        load(tmp_path, document, overrides)
    return str(caught.value)


def test_the_file_names_the_experiment(tmp_path):
    assert load(tmp_path).name == "my-experiment"


def test_overrides(tmp_path):
    experiment = load(
        tmp_path, overrides=["training.epochs=3", "training.seeds=[1, 2]", "seen=allow"]
    )
    assert experiment.training.epochs == 3
    assert experiment.training.seeds == [1, 2]
    assert experiment.seen == "allow"


def test_an_unknown_key_is_refused_with_the_nearest_right_one(tmp_path):
    message = refused(tmp_path, overrides=["training.epoch=3"])
    assert "training.epoch: unknown key; did you mean 'epochs'?" in message


def test_the_nearest_key_is_looked_for_in_the_chosen_variant(tmp_path):
    message = refused(tmp_path, overrides=["model.query.encoder.unit=3"])
    assert "did you mean 'units'?" in message
    message = refused(tmp_path, overrides=["model.query.encoder={kind: average, unitz: 3}"])
    assert "known keys: dropout, kind" in message


@pytest.mark.parametrize(
    "override, said",
    [
        ("seed=3", "seed: unknown key; did you mean 'training.seeds' or 'evaluation.seed'?"),
        ("epochs=3", "did you mean 'training.epochs'?"),
        ("evaluation.seeds=3", "evaluation.seeds: unknown key; did you mean 'seed'?"),
        ("training.learning_rate=0.1", "did you mean 'training.optimizer.learning_rate'?"),
        ("training.dim=3", "did you mean 'model.dim'?"),
        ("data.split={kind: tme}", "data.split.kind: 'tme' is not one of .*; did you mean 'time'?"),
        ("training.optimizer.decay=cosin", "did you mean 'cosine'?"),
        ("model.query.encoder={units: 3}", "model.query.encoder.kind: is needed, one of 'average'"),
        ("training.refit=yes", "received 'yes'; write true or false"),
        ("training.epochs=1_000", "received '1_000'; write 1000"),
        ("training.epochs=012", "received '012'; write 12"),
        ("name=2024", "received 2024; text that looks like something else wants quotes"),
        ("name=a/b", "name: a name begins with a letter or digit"),
        (f"name={'a' * 300}", "at most 100 letters"),
    ],
)
def test_what_was_probably_meant_is_said(tmp_path, override, said):
    message = refused(tmp_path, overrides=[override])
    assert re.search(said.replace("?", r"\?"), message) and len(message) < 500


ATTENTION = {"kind": "attention", "heads": 2, "dropout": 0.3}


def reading_with(encoder: dict) -> dict:
    return {**DOCUMENT, "model": {"query": {"encoder": encoder}}}


class TestAnotherKind:
    """A section that an override makes of another kind."""

    def test_what_fits_is_kept_and_what_does_not_is_said(self, tmp_path, capsys):
        experiment = load(tmp_path, reading_with(ATTENTION), ["model.query.encoder.kind=lstm"])
        encoder = experiment.model.query.encoder
        assert (encoder.kind, encoder.dropout) == ("lstm", 0.3)
        said = capsys.readouterr().err
        assert "model.query.encoder: of kind 'lstm'" in said and said.endswith("heads\n")

    def test_what_is_given_with_it_must_fit(self, tmp_path):
        overrides = ["model.query.encoder.heads=4", "model.query.encoder.kind=lstm"]
        assert "heads: unknown key" in refused(tmp_path, reading_with(ATTENTION), overrides)

    def test_a_kind_that_there_is_not_loses_nothing(self, tmp_path, capsys):
        overrides = ["model.query.encoder.kind=lsmt"]
        assert "did you mean 'lstm'?" in refused(tmp_path, reading_with(ATTENTION), overrides)
        assert capsys.readouterr().err == ""

    def test_the_same_kind_is_as_strict_as_ever(self, tmp_path):
        overrides = ["model.query.encoder.kind=attention"]
        document = reading_with({**ATTENTION, "units": 3})
        assert "units: unknown key" in refused(tmp_path, document, overrides)


def test_numbers_may_have_exponents(tmp_path):
    rate = "training.optimizer.learning_rate"
    assert load(tmp_path, overrides=[f"{rate}=1e-3"]).training.optimizer.learning_rate == 0.001
    text = yaml.safe_dump(DOCUMENT) + "training: {optimizer: {learning_rate: 5e-4}}\n"
    assert load(tmp_path, text).training.optimizer.learning_rate == 0.0005


def test_a_repeated_section_is_refused(tmp_path):
    text = yaml.safe_dump(DOCUMENT) + "model: {dim: 8}\n"
    assert "'model' is given twice" in refused(tmp_path, text)


def test_a_section_that_holds_itself_is_refused(tmp_path):
    assert "holds itself" in refused(tmp_path, "data: &a {log: *a}")


def test_a_wrong_type_is_refused_with_what_was_received(tmp_path):
    message = refused(tmp_path, overrides=["training.epochs=many"])
    assert "training.epochs" in message and "'many'" in message and "integer" in message


def test_a_day_that_is_none_is_refused(tmp_path):
    key = "data.log.earliest_time"
    assert "not a date: write it" in refused(tmp_path, overrides=[f"{key}=last year"])
    assert "not a date: write it" in refused(tmp_path, overrides=[f"{key}=1990-13-01"])
    taken = load(tmp_path, overrides=[f"{key}=1970-01-01"]).data.log
    assert (str(taken.earliest_time), taken.latest_time) == ("1970-01-01", None)


@pytest.mark.parametrize(
    "name", ["datasets", "Sweeps", "mlflow.db", "mlflow.db-journal", "mlartifacts", "campaigns"]
)
def test_names_of_what_lies_beside_the_runs_are_reserved(tmp_path, name):
    assert f"name: '{name}' is reserved" in refused(tmp_path, {**DOCUMENT, "name": name})
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    with pytest.raises(InputError, match="choose another by `name:` in the file or --name"):
        load_experiment(path, name=name)
    assert load_experiment(path, name="fine").name == "fine"


def test_every_mistake_is_named(tmp_path):
    message = refused(tmp_path, overrides=["training.epoch=3", "model.dims=3", "seen=maybe"])
    assert message.count("\n") == 3


def test_a_missing_section(tmp_path):
    assert "data: is needed" in refused(tmp_path, {"model": {}})


@pytest.mark.parametrize("text", ["a: [", "- a list", "just text"])
def test_what_is_no_experiment(tmp_path, text):
    assert "my-experiment.yaml" in refused(tmp_path, text)


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match="no experiment file"):
        load_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["training.epochs", "=3", "name.deeper=3"])
def test_what_is_no_override(tmp_path, override):
    document = {**DOCUMENT, "name": "x"}
    assert refused(tmp_path, document, [override])


def test_a_dump_is_the_same_experiment(tmp_path):
    experiment = load(tmp_path)
    assert Experiment.model_validate(experiment.dump()) == experiment


def test_types_are_not_guessed(tmp_path):
    for override in ("training.epochs=true", "training.epochs='7'", "training.refit='off'"):
        assert "received" in refused(tmp_path, overrides=[override])
    assert "finite" in refused(tmp_path, overrides=["training.optimizer.learning_rate=.inf"])


def test_seeds_are_checked(tmp_path):
    assert "training.seeds" in refused(tmp_path, overrides=["training.seeds=[-1]"])
    assert "once" in refused(tmp_path, overrides=["training.seeds=[1, 1]"])


def test_a_name_may_be_a_number(tmp_path):
    path = tmp_path / "my-experiment.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    assert load_experiment(path, name="2024").name == "2024"


def test_an_item_needs_something(tmp_path):
    message = refused(tmp_path, overrides=["model.item={id: false}"])
    assert "the item tower needs id or features" in message


class TestRunFolder:
    @pytest.fixture
    def dataset(self, tmp_path):
        return checkerboard(tmp_path / "datasets" / "board")

    @pytest.fixture
    def folder(self, tmp_path, dataset):
        """A run that has begun to train."""
        folder = RunFolder(tmp_path / "my-experiment" / "1")
        folder.claim(load(tmp_path), 1, dataset)
        folder.checkpoints.mkdir()
        return folder

    def test_the_same_experiment_continues(self, tmp_path, folder, dataset):
        folder.claim(load(tmp_path), 1, dataset)
        assert folder.checkpoints.is_dir()
        assert folder.read_experiment().training.seeds == [1]
        assert folder.dataset().fingerprint == dataset.fingerprint

    def test_another_experiment_is_refused(self, tmp_path, folder):
        other = load(tmp_path, overrides=["training.epochs=7"])
        with pytest.raises(InputError, match=r"training\.epochs.*--name.*--overwrite"):
            folder.check(other, 1)

    def test_secrets_are_kept_nowhere_and_a_new_one_continues(self, tmp_path, folder, dataset):
        def signed(signature, password):
            path = f"https://me:{password}@host/log.csv?X-Amz-Signature={signature}"
            return load(tmp_path, overrides=[f"data.log.path={path}"])

        folder.claim(signed("ab12", "hunter2"), 1, dataset, overwrite=True)
        folder.checkpoints.mkdir()
        kept = folder.experiment.read_text()
        assert "https://***@host/log.csv?X-Amz-Signature=***" in kept
        assert "ab12" not in kept and "hunter2" not in kept
        folder.claim(signed("cd34", "hunter3"), 1, dataset)
        with pytest.raises(InputError, match=r"data\.log\.path"):
            folder.claim(load(tmp_path), 1, dataset)

    def test_what_was_never_trained_may_be_corrected(self, tmp_path, folder, dataset):
        folder.checkpoints.rmdir()
        folder.claim(load(tmp_path, overrides=["training.epochs=7"]), 1, dataset)
        assert folder.read_experiment().training.epochs == 7

    def test_overwrite_starts_afresh(self, tmp_path, folder, dataset):
        other = load(tmp_path, overrides=["training.epochs=7"])
        folder.claim(other, 1, dataset, overwrite=True)
        assert not folder.checkpoints.exists()
        assert folder.read_experiment().training.epochs == 7

    def test_a_log_that_changed_is_refused(self, tmp_path, folder, dataset):
        dataset.manifest.model_copy(update={"fingerprint": "another"}).write(dataset.path)
        with pytest.raises(InputError, match="the log has changed since"):
            folder.claim(load(tmp_path), 1, Dataset(dataset.path))

    def test_what_is_out_of_date_is_done_again(self, tmp_path, folder, dataset):
        folder.metrics.touch()
        (folder.model / "1").mkdir(parents=True)
        folder.claim(load(tmp_path, overrides=["export.k=7"]), 1, dataset)
        assert folder.metrics.exists() and not (folder.model / "1").exists()
        folder.claim(load(tmp_path, overrides=["export.k=7", "evaluation.k=[10]"]), 1, dataset)
        assert not folder.metrics.exists()

    def test_one_process_at_a_time(self, folder):
        again = RunFolder(folder.path)
        refused = pytest.raises(InputError, match="another process")
        with folder.locked(), refused, again.locked():
            pass
        with again.locked():
            pass

    def test_seeds_have_folders_of_their_own(self, tmp_path, folder, dataset):
        RunFolder(folder.path.parent / "2").claim(load(tmp_path), 2, dataset)
        with pytest.raises(InputError, match="not the folder of one run"):
            RunFolder.open(folder.path.parent)
        assert RunFolder.open(folder.path).path == folder.path

    def test_of_several_seeds_the_lowest_that_was_exported_answers(
        self, tmp_path, folder, dataset, capsys
    ):
        runs = folder.path.parent
        for seed in (10, 9, 2):
            RunFolder(runs / str(seed)).claim(load(tmp_path), seed, dataset)
        with pytest.raises(InputError, match="not the folder of one run"):
            RunFolder.open_exported(runs)
        for seed in ("10", "9"):
            (runs / seed / "model" / "1").mkdir(parents=True)
        assert RunFolder.open_exported(runs).path == runs / "9"
        assert f"of the seeds in {runs}, 9 answers; 10" in capsys.readouterr().err
        assert RunFolder.open_exported(runs / "10").path == runs / "10"

    def test_a_link_is_not_overwritten(self, tmp_path, folder, dataset):
        link = RunFolder(tmp_path / "my-experiment" / "2")
        link.path.symlink_to(folder.path)
        with pytest.raises(InputError, match=r"is a link to .*Remove the link"):
            link.claim(load(tmp_path), 2, dataset, overwrite=True)
        with pytest.raises(InputError, match="is a link"):
            link.claim_whole({}, None, overwrite=True)
        assert folder.experiment.is_file()

    def test_what_a_killed_process_left_is_removed(self, folder):
        process = subprocess.Popen(["true"])
        process.wait()
        (folder.checkpoints / f".{process.pid}-last.npz").touch()
        (folder.model / f".{process.pid}-1" / "new").mkdir(parents=True)
        with folder.locked():
            pass
        assert list(folder.checkpoints.iterdir()) == list(folder.model.iterdir()) == []


COSINE = "training.optimizer.decay=cosine"


class TestMoreEpochs:
    """Of a run that has trained 3 epochs."""

    @pytest.fixture
    def dataset(self, tmp_path):
        return checkerboard(tmp_path / "datasets" / "board")

    @pytest.fixture
    def trained(self, tmp_path, dataset):
        """A finished run, its third epoch the best, by the overrides of its experiment."""

        def train(*overrides: str, best_epoch: int = 3) -> RunFolder:
            folder = RunFolder(tmp_path / "my-experiment" / "1")
            experiment = load(tmp_path, overrides=["training.epochs=3", *overrides])
            folder.claim(experiment, 1, dataset)
            progress = {"epoch": 3, "best_epoch": best_epoch}
            last = folder.checkpoints / "train" / "last.npz"
            save_checkpoint(last, {}, {"progress": progress})
            (folder.model / "1").mkdir(parents=True)
            for file in (folder.retriever, folder.metrics, folder.path / "mlflow.json"):
                file.write_text("{}")
            return folder

        return train

    def test_what_follows_from_the_last_weights_is_done_again(self, tmp_path, dataset, trained):
        folder = trained()
        folder.claim(load(tmp_path, overrides=["training.epochs=5"]), 1, dataset)
        left = {path.name for path in folder.path.rglob("*") if path.is_file()}
        assert left == {"experiment.yaml", "dataset.json", "manifest.json", "last.npz"}
        assert not (folder.model / "1").exists()
        assert folder.read_experiment().training.epochs == 5

    @pytest.mark.parametrize(
        "before, now, best_epoch, said",
        [
            ([], ["training.epochs=2"], 3, "has 3 training.epochs, which cannot be taken back"),
            ([COSINE], [COSINE], 3, "only where training.optimizer.decay is const"),
            ([COSINE], [COSINE], 3, "with 'cosine', the learning rate of every"),
            ([], [], 0, "ended after epoch 3, as the last training.patience"),
            ([], ["model.dim=8"], 3, "differs in model.dim, training.epochs"),
            (
                [],
                [
                    "data.log.path=b.csv",
                    "data.log.delimiter=;",
                    "data.log.skip=1",
                    "seen=allow",
                    "data.repeats=last",
                    "model.dim=8",
                ],
                3,
                r"differs in (\S+, ){4}\S+ and 2 more\)",
            ),
        ],
    )
    def test_otherwise_the_reason_is_said(
        self, tmp_path, dataset, trained, before, now, best_epoch, said
    ):
        folder = trained(*before, best_epoch=best_epoch)
        with pytest.raises(InputError, match=f"{said}.*--name.*--overwrite"):
            folder.check(load(tmp_path, overrides=["training.epochs=5", *now]), 1)
        assert folder.retriever.is_file()

    def test_what_never_saved_a_checkpoint_begins_anew(self, tmp_path, dataset, trained):
        folder = trained()
        (folder.checkpoints / "train" / "last.npz").unlink()
        folder.claim(load(tmp_path, overrides=["training.epochs=5"]), 1, dataset)
        assert not folder.retriever.exists()

    def test_what_is_no_run(self, tmp_path):
        with pytest.raises(InputError, match="none"):
            RunFolder.open(tmp_path)


@pytest.mark.parametrize("seeds", ["[1, 2, 1]", "[3, 3]"])
def test_a_seed_is_given_once(tmp_path, seeds):
    assert "training.seeds: each may be given once" in refused(
        tmp_path, overrides=[f"training.seeds={seeds}"]
    )


def test_moments_may_be_dates(tmp_path):
    """As YAML reads them too, which makes dates of them unless they are quoted."""
    file = tmp_path / "dated.yaml"
    file.write_text(
        "data:\n  log: {path: log.csv, columns: {user: u, item: i, time: t}}\n"
        "  split: {kind: time, validation_from: 2025-01-25, test_from: '2025-02-11T00:00:00+01:00'}"
    )
    split = load_experiment(file).data.split
    assert split.validation_from.isoformat() == "2025-01-25T00:00:00+00:00"
    assert split.test_from.isoformat() == "2025-02-11T00:00:00+01:00"


def test_a_secret_is_used_and_not_shown(tmp_path):
    secret = "https://me:hunter2@host/log.csv"
    experiment = load(tmp_path, overrides=[f"data.log.path=[{secret}, '${{ADDRESS}}']"])
    # A trial of a sweep reads the same log.
    assert experiment.with_values({"training.epochs": 2}).data.log.path == [secret, "${ADDRESS}"]
    assert experiment.dump()["data"]["log"]["path"] == ["https://***@host/log.csv", "${ADDRESS}"]
    message = refused(tmp_path, overrides=[f"data.log.format={secret}"])
    assert "received 'https://***@host/log.csv'" in message and "hunter2" not in message
