"""A training goes on, or another one is refused; what is out of date is made again."""

import pytest

from recsys.data.dataset import Dataset
from recsys.errors import InputError
from recsys.training.checkpoint import save_checkpoint
from recsys.training.checkpoint_folder import Place


def test_the_same_experiment_continues(begun, claim, dataset):
    claim().take(dataset)
    assert begun.checkpoints.is_dir()
    assert begun.read_experiment().training.seeds == [1]
    assert begun.dataset().fingerprint == dataset.fingerprint


def test_another_experiment_is_refused(begun, claim):
    with pytest.raises(InputError, match=r"training\.epochs.*name=….*overwrite=True"):
        claim("training.epochs=7").check()


def test_limits_may_change(begun, claim, dataset):
    """They decide whether a log is refused, and nothing about what is trained."""
    claim("data.limits.repeated_rows=0.1").take(dataset)
    assert begun.read_experiment().data.limits.repeated_rows == 0.1


def test_secrets_are_kept_nowhere_and_a_new_one_continues(begun, claim, dataset):
    def signed(signature, password):
        path = f"https://me:{password}@host/log.csv?X-Amz-Signature={signature}"
        return claim(f"data.log.path={path}")

    signed("ab12", "hunter2").take(dataset, overwrite=True)
    begun.checkpoints.mkdir()
    kept = begun.experiment.read_text()
    assert "https://***@host/log.csv?X-Amz-Signature=***" in kept
    assert "ab12" not in kept and "hunter2" not in kept
    signed("cd34", "hunter3").take(dataset)
    with pytest.raises(InputError, match=r"data\.log\.path"):
        claim().take(dataset)


def test_what_was_never_trained_may_be_corrected(begun, claim, dataset):
    begun.checkpoints.rmdir()
    claim("training.epochs=7").take(dataset)
    assert begun.read_experiment().training.epochs == 7


def test_overwrite_starts_afresh(begun, claim, dataset):
    claim("training.epochs=7").take(dataset, overwrite=True)
    assert not begun.checkpoints.exists()
    assert begun.read_experiment().training.epochs == 7


def test_a_log_that_changed_is_refused(begun, claim, dataset):
    dataset.manifest.model_copy(update={"fingerprint": "another"}).write(dataset.path)
    with pytest.raises(InputError, match="the log has changed since"):
        claim().take(Dataset(dataset.path))


def test_whose_weights_they_are_must_be_known(begun, claim, dataset):
    begun.files.manifest.unlink()
    begun.experiment.unlink()
    with pytest.raises(InputError, match=r"experiment\.yaml.*the same run cannot be told"):
        claim().take(dataset)


def test_what_is_out_of_date_is_made_again(begun, claim, dataset):
    begun.metrics.touch()
    (begun.model / "1").mkdir(parents=True)
    claim("export.k=7").take(dataset)
    assert begun.metrics.exists() and not (begun.model / "1").exists()
    claim("export.k=7", "evaluation.k=[10]").take(dataset)
    assert not begun.metrics.exists()


COSINE = "training.optimizer.decay=cosine"
PLATEAU = "training.optimizer.decay=plateau"
MORE = "training.epochs=5"


class TestMoreEpochs:
    """Of a run that has trained 3 epochs."""

    @pytest.fixture
    def trained(self, claim, folder, dataset):
        """A finished run, its third epoch the best, by the overrides of its experiment."""

        def train(*overrides: str, best_epoch: int = 3) -> None:
            claim("training.epochs=3", *overrides).take(dataset)
            last = folder.checkpoints / "train" / Place(3, 0, best_epoch).name
            save_checkpoint(last, {}, {})
            (folder.model / "1").mkdir(parents=True)
            for file in (folder.retriever, folder.metrics, folder.path / "mlflow.json"):
                file.write_text("{}")

        return train

    def test_what_follows_from_the_last_weights_is_made_again(
        self, folder, claim, dataset, trained
    ):
        trained()
        claim("training.epochs=5").take(dataset)
        left = {path.name for path in folder.path.rglob("*") if path.is_file()}
        assert left == {"experiment.yaml", "dataset.json", "manifest.json", Place(3, 0, 3).name}
        assert not (folder.model / "1").exists()
        assert folder.read_experiment().training.epochs == 5

    @pytest.mark.parametrize(
        "before, now, best_epoch, said",
        [
            ([], ["training.epochs=2"], 3, "the run has 3 training.epochs, and they cannot be low"),
            ([COSINE], [COSINE, MORE], 3, "only where training.optimizer.decay is const"),
            ([COSINE], [COSINE, MORE], 3, "with 'cosine', the learning rate of every"),
            ([PLATEAU], [PLATEAU, MORE], 0, "ended after epoch 3"),
            ([], [MORE], 0, "ended after epoch 3, as the last training.patience"),
            ([], [MORE, "model.dim=8"], 3, "differs in model.dim, training.epochs"),
            (
                [],
                [
                    MORE,
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
        self, folder, claim, trained, before, now, best_epoch, said
    ):
        trained(*before, best_epoch=best_epoch)
        with pytest.raises(InputError, match=f"{said}.*name=….*overwrite=True"):
            claim(*now).check()
        assert folder.retriever.is_file()

    def test_what_never_saved_a_checkpoint_begins_anew(self, folder, claim, dataset, trained):
        trained()
        (folder.checkpoints / "train" / Place(3, 0, 3).name).unlink()
        claim("training.epochs=5").take(dataset)
        assert not folder.retriever.exists()
