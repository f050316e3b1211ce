"""A run as a notebook holds it, loaded, asked and compared."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import recsys
from recsys.experiment.file import read_document
from recsys.runs.folder import RunFolder
from recsys.system.wording import as_typed
from recsys.system.yaml_text import dump_yaml
from tests.commands import recsys as recsys_command

pytestmark = pytest.mark.slow

OFF = {"enabled": False}


class Stopped(Exception):
    """Raised in place of training."""


def _stop(*_):
    raise Stopped


class TestTables:
    def test_metrics_are_those_of_the_run(self, run):
        found = json.loads((run.path / "metrics.json").read_text())
        ours = run.metrics.loc[("ndcg@10", "average")]
        assert ours.to_dict() == found["test"]["ndcg@10"]
        popular = run.metrics.loc[("recall@10", "popular"), "value"]
        assert popular == found["baselines"]["popular"]["recall@10"]["value"]
        assert set(run.metrics.index.get_level_values("model")) == {"average", *found["baselines"]}

    def test_what_has_no_interval_has_none_and_infinity_is_a_number(self):
        from recsys.api.tables import metrics_frame

        found = metrics_frame("a", {"x@1": {"value": None, "low": None, "high": None}}, {}, "x@1")
        assert np.isinf(found["value"].item()) and found["low"].isna().item()

    def test_the_metric_that_decides_is_the_first(self, run):
        found = run.metrics.index.get_level_values("metric")
        assert found[0] == "ndcg@10" and "recall@5" in found
        for name in run.slices.index.get_level_values("slice"):
            assert run.slices.loc[name].index[0] == "ndcg@10"
        assert recsys.load(run.path / "model" / "1").metrics.index[0] == ("ndcg@10", "average")

    def test_over_seeds(self):
        from recsys.api.tables import seeds_frame

        tests = [
            {"x@1": {"value": None, "low": None, "high": None}, "ndcg@10": {**ends, "value": value}}
            for value in (0.05, 0.06, 0.07)
            for ends in [{"low": 0.0, "high": 1.0}]
        ]
        found = seeds_frame(tests, "ndcg@10")
        assert found.index.tolist() == ["ndcg@10", "x@1"]
        # Worked out by hand: see tests/evaluation/test_seeds.py.
        expected = [0.06, 0.035159, 0.084841, 0.01, 3]
        assert found.loc["ndcg@10"].tolist() == pytest.approx(expected, abs=1e-6)
        assert found.loc["x@1"].isna().tolist() == [True, True, True, True, False]
        # Evaluated with another k, a seed lacks some.
        tests[0]["ndcg@5"] = tests[0]["ndcg@10"]
        assert seeds_frame(tests, "ndcg@10").index.tolist() == ["ndcg@10", "x@1"]

    def test_seeds_of_other_settings_have_no_mean(self, run):
        other = run.path.parent / "2"
        shutil.copytree(run.path, other)
        try:
            document = yaml.safe_load((other / "experiment.yaml").read_text())
            document["training"] |= {"epochs": 9, "seeds": [2]}
            folder = RunFolder(other)
            with folder.files.making(folder.experiment):
                folder.experiment.write_text(dump_yaml(document))
            with pytest.raises(recsys.InputError, match=r"differ in training\.epochs\)"):
                recsys.load(run.path).over_seeds  # noqa: B018
        finally:
            shutil.rmtree(other)

    def test_slices_and_history(self, run):
        found = json.loads((run.path / "metrics.json").read_text())["slices"]
        asked = {name for name, cut in found.items() if cut["queries"]}
        assert set(run.slices.index.get_level_values("slice")) == asked
        name = next(iter(asked))
        assert run.slices.loc[(name, "ndcg@10"), "queries"] == found[name]["queries"]
        assert (run.history["loss"] > 0).all() and run.history.index.tolist() == [1, 2]

    def test_a_notebook_shows_the_verdict(self, run):
        shown = run._repr_html_()
        assert "<b>average</b>" in shown and "ndcg@10" in shown
        for sentence in run.comparisons["sentence"]:
            assert sentence in shown
        assert run.plot.learning()._repr_svg_().startswith("<?xml")

    def test_a_metric_that_there_is_not_is_refused(self, run):
        with pytest.raises(recsys.InputError, match=r"no metric 'ndcg@11': it has .*ndcg@10"):
            run.plot.baselines(["ndcg@11"])
        with pytest.raises(recsys.InputError, match="no metric 'x'"):
            run.plot.slices("x")


class TestRecommend:
    def test_users_of_the_log_get_what_their_history_gets(self, run):
        frame = run.recommend(users=["u3", "u1"], k=4)
        assert frame["user"].tolist() == ["u3"] * 4 + ["u1"] * 4
        assert frame["rank"].tolist() == [1, 2, 3, 4] * 2
        log = pd.read_csv("log.csv")
        history = log[log["user"] == "u3"].sort_values("time")["item"].tolist()
        again = run.recommend(histories=[history], k=4)
        assert again["item"].tolist() == frame["item"].tolist()[:4]
        assert not set(frame["item"][:4]) & set(history)
        assert frame["title"][0] == f"Item <{frame['item'][0][1:]}>"
        asframe = run.recommend(histories=log[log["user"].isin(["u1", "u3"])].sample(frac=1), k=4)
        of_u3 = asframe[asframe["user"] == "u3"]["item"].tolist()
        assert of_u3 == frame["item"].tolist()[:4]

    def test_what_is_answered_otherwise_than_asked_is_said(self, run, caplog):
        frame = run.recommend(users=["u1", "nobody", "u2"], k=2, exclude=[["i0"], ["i1"], ["i2"]])
        assert (
            frame.attrs["unknown_users"] == ["nobody"] and "no such users: 'nobody'" in caplog.text
        )
        assert "i2" not in frame[frame["user"] == "u2"]["item"].tolist()
        caplog.clear()
        frame = run.recommend(histories=[["i1", "zzz"]], k=2)
        assert frame.attrs["unknown_items"] == ["zzz"]
        assert "the model does not know: 'zzz'" in caplog.text
        assert "is empty" not in caplog.text
        caplog.clear()
        run.recommend(histories=[["zzz"]], k=2)
        assert "without these the history is empty, and answered as" in caplog.text
        run.recommend(histories=[["zzz"], ["i1", "zzz"], ["yyy"], []], k=2)
        assert "without these 2 histories are empty, and answered as" in caplog.text
        caplog.clear()
        most = [f"i{item}" for item in range(20)]
        frame = run.recommend(histories={"full": most, "empty": []}, k=10)
        assert frame.attrs["too_few"] == {"full": 4} and "1 of 2 got fewer than 10" in caplog.text
        assert frame["user"].tolist() == ["full"] * 4 + ["empty"] * 10
        caplog.clear()
        nothing = run.recommend(histories=[[f"i{item}" for item in range(24)]], k=3)
        assert not len(nothing) and "nothing can be recommended" in caplog.text
        assert nothing.columns.tolist() == ["user", "rank", "item", "title", "score"]

    def test_an_unknown_id_that_is_excluded_is_said(self, run, caplog):
        frame = run.recommend(users=["u1", "u2"], k=1, exclude={"u2": ["i1", "typo"]})
        assert frame.attrs["unknown_excluded"] == ["typo"] and "typo" in caplog.text

    def test_an_unknown_user_is_told_in_python_and_by_a_plain_path(self, run):
        again = recsys.load("runs/average/1/../../average/1")
        with pytest.raises(recsys.InputError) as refused:
            again.recommend(users=["eve", "nobody"])
        assert str(refused.value) == (
            f"there are no users 'eve', 'nobody' in the dataset {run.dataset.path}. Give the "
            "history itself: histories=[[ITEM, ITEM, …]]"
        )
        assert again.dataset.path.parent == Path("runs/datasets")

    def test_reasons_are_in_the_history(self, run):
        frame = run.recommend(histories=[["i1", "i2"], ["i5"]], k=2, why=True)
        assert len(frame) == 4 and frame["why"].str.startswith(("because of", "nothing")).all()
        named = frame["why"].str.findall(r"Item <(\d+)>")
        assert all(set(items) <= {"1", "2"} for items in named[:2])
        assert all(set(items) <= {"5"} for items in named[2:])

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({}, "either users"),
            ({"users": ["u1"], "histories": [[]]}, "either users"),
            ({"users": []}, "users is empty"),
            ({"histories": []}, "histories is empty"),
            ({"users": ["nobody"]}, "there is no user 'nobody'"),
            ({"histories": ["i1"]}, "each a list of item ids"),
            ({"users": ["u1"], "k": 0}, "k is 0: expected a whole number from 1 to"),
            ({"users": ["u1"], "k": 2.5}, "k is 2.5"),
            ({"users": ["u1"], "k": 1000}, "returns 1 to"),
        ],
    )
    def test_what_cannot_be_answered_is_refused(self, run, asked, message):
        with pytest.raises(recsys.InputError, match=message):
            run.recommend(**asked)


class TestVectors:
    def test_a_score_is_the_product_of_two_vectors(self, run):
        users, items = run.embed_users(["u1", "u2"]), run.embed_items()
        assert items.index.tolist() == run.dataset.item_ids and users.index.name == "user"
        frame = run.recommend(users=["u2"], k=3)
        for row in frame.itertuples():
            assert items.loc[row.item] @ users.loc["u2"] == pytest.approx(row.score, abs=1e-5)
        assert run.embed_users(histories={"a": []}).shape == (1, 64)
        assert len(run.embed_users()) == run.dataset.users

    def test_an_unknown_item_is_said(self, run, caplog):
        found = run.embed_items(["i1", "x"])
        assert not found.loc["x"].any() and found.loc["i1"].any()
        assert found.attrs["unknown_items"] == ["x"] and "do not know" not in caplog.text
        assert "does not know these items: 'x'" in caplog.text
        with pytest.raises(recsys.InputError, match="items is empty"):
            run.embed_items([])


class TestLoad:
    def test_a_copied_model_answers_without_its_run(self, run, tmp_path):
        copied = run.export(tmp_path / "served")
        assert copied == tmp_path / "served" / "1" == run.export(tmp_path / "served")
        alone = recsys.load(copied)
        assert recsys.load(tmp_path / "served").path == copied
        asked = {"histories": [["i3", "i4"]], "k": 3}
        assert alone.recommend(**asked).equals(run.recommend(**asked))
        assert alone.metrics["value"].loc[("ndcg@10", "average")] == pytest.approx(
            run.metrics["value"].loc[("ndcg@10", "average")]
        )
        for missing in (
            lambda: alone.history,
            lambda: alone.recommend(users=["u1"]),
            lambda: alone.plot.popularity(),
            lambda: recsys.compare([alone, run]),
        ):
            with pytest.raises(recsys.InputError, match="is a model without its run"):
                missing()
        assert "ndcg@10" in alone._repr_html_()

    def test_another_model_in_the_place_is_kept(self, run, tmp_path):
        (tmp_path / "1").mkdir()
        (tmp_path / "1" / "saved_model.pb").write_bytes(b"another")
        with pytest.raises(recsys.InputError, match="is another model"):
            run.export(tmp_path)
        assert (tmp_path / "1" / "saved_model.pb").read_bytes() == b"another"

    def test_a_model_within_its_run_has_it(self, run):
        found = recsys.load(run.path / "model" / "1")
        assert found.path == run.path and found.history.equals(run.history)
        assert recsys.load("runs/average").seeds.keys() == {1}

    def test_a_registered_model(self, run):
        found = recsys.load("models:/average/1")
        asked = {"histories": [["i3"]], "k": 2}
        assert found.recommend(**asked).equals(run.recommend(**asked))

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("models:/nobody@champion", r"name=nobody not found\. Registered are: average"),
            ("models:/average@champion", "alias champion not found"),
            ("models:/average/7", "cannot be had"),
            ("models:/average", "write models:/NAME@ALIAS"),
        ],
    )
    def test_a_name_that_is_not_registered_is_one_message(self, run, name, message):
        with pytest.raises(recsys.InputError, match=message):
            recsys.load(name)

    def test_a_folder_without_a_store_has_no_models(self, run, tmp_path):
        with pytest.raises(recsys.InputError, match="holds no MLflow store"):
            recsys.load("models:/average/1", runs_dir=tmp_path)
        assert not any(tmp_path.iterdir())

    def test_what_is_not_ours_is_refused(self, run, tmp_path):
        (tmp_path / "saved_model.pb").write_bytes(b"")
        with pytest.raises(recsys.Damaged, match="is not an exported model"):
            recsys.load(tmp_path)
        with pytest.raises(recsys.InputError, match=r"neither a run .* nor an exported model"):
            (tmp_path / "empty").mkdir()
            recsys.load(tmp_path / "empty")
        with pytest.raises(recsys.InputError, match=r"log\.csv is a file"):
            recsys.load("log.csv")

    def test_what_cannot_be_made_is_one_message(self, run, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(recsys.InputError, match="out cannot be made: Not a directory"):
            run.export(tmp_path / "file" / "out")

    def test_a_run_copied_without_its_dataset_says_what_it_lacks(self, run, tmp_path):
        alone = recsys.load(shutil.copytree(run.path, tmp_path / "average" / "1", symlinks=True))
        with pytest.raises(recsys.InputError, match=r"takes its dataset along.*histories"):
            alone.recommend(users=["u1"])

    def test_a_copy_beside_somebodys_experiment_is_not_of_its_run(self, run, tmp_path, monkeypatch):
        shutil.copytree(run.path / "model" / "1", tmp_path / "model" / "1")
        (tmp_path / "experiment.yaml").write_text("encoder: gru\n")
        monkeypatch.chdir(tmp_path)
        answers = recsys.load("model").recommend(histories=[["i3"]], k=2)
        assert answers["item"].tolist() == run.recommend(histories=[["i3"]], k=2)["item"].tolist()

    def test_what_another_version_wrote_is_refused(self, run, tmp_path):
        folder = tmp_path / "average" / "1"
        folder.mkdir(parents=True)
        document = dict(read_document(run.path / "experiment.yaml"))
        document["model"]["tower_of_old"] = 3
        (folder / "experiment.yaml").write_text(dump_yaml(document))
        with pytest.raises(recsys.InputError, match="written by another version of recsys"):
            recsys.load(folder)
        (folder / "experiment.yaml").write_text(dump_yaml({**document, "task": "propensity"}))
        with pytest.raises(recsys.InputError, match="is a run of `task: propensity`"):
            recsys.load(folder)
        model = tmp_path / "model"
        shutil.copytree(run.path / "model" / "1", model)
        manifest = model / "assets.extra" / "manifest.json"
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 1}))
        with pytest.raises(recsys.Damaged, match="has model format 1, this version reads"):
            recsys.load(model)

    def test_results_of_another_version_are_one_message(self, run, tmp_path):
        copied = shutil.copytree(run.path, tmp_path / "average" / "1", symlinks=True)
        older = {**json.loads((copied / "metrics.json").read_text()), "format": 0}
        folder = RunFolder(copied)
        with folder.files.making(folder.metrics):
            folder.write_json(folder.metrics, older)
        found = recsys.load(copied)
        for read in (
            lambda: found.metrics,
            lambda: found.slices,
            lambda: found.plot.baselines(),
            found.summary,
        ):
            with pytest.raises(recsys.Damaged, match="has results format 0, this version"):
                read()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.export(""), "export: expected a path, received ''"),
        (lambda run: recsys.load(""), "load .*: expected a path, received ''"),
        (lambda run: recsys.load(3), "load .*: expected a path, received 3"),
        (lambda run: recsys.run(None), "run: expected a path, received None"),
        (lambda run: recsys.run("e.yaml", runs_dir=" "), "runs_dir: expected a path"),
        (lambda run: recsys.train(run.dataset, fields=["a=5"]), "fields is a mapping"),
        (lambda run: recsys.train(run.dataset, runs_dir=""), "train: runs_dir: expected a path"),
        (lambda run: recsys.compare([run.path, "x"]), "give runs instead of paths"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_one_message(run, call, said):
    with pytest.raises(recsys.InputError, match=said):
        call(run)


class TestTrain:
    def test_a_second_training_has_a_number_of_its_own(self, run, monkeypatch):
        began = []

        def do(experiment, runs_dir, overwrite, told):
            folder = runs_dir / experiment.name / "1"
            folder.mkdir(parents=True)
            (folder / "experiment.yaml").write_text("")
            began.append(experiment.name)
            return [type("Folder", (), {"path": folder})]

        monkeypatch.setattr("recsys.api.steps.do", do)
        data = run.dataset
        for _ in range(2):
            recsys.train(data, encoder="gru")
        recsys.train(data, encoder="gru", name="mine")
        assert began == ["gru", "gru-2", "mine"]
        for name in began:
            shutil.rmtree(Path("runs") / name, ignore_errors=True)

    def test_what_was_said_of_the_data_is_not_said_again(self, run, tmp_path, caplog, monkeypatch):
        monkeypatch.setattr("recsys.pipeline.Pipeline.train", _stop)
        log = pd.read_csv("log.csv").assign(user=lambda log: log["user"].where(log.index != 3))
        keywords = {"user": "user", "item": "item", "time": "time", "runs_dir": tmp_path}
        with caplog.at_level("INFO", "recsys"):
            made = recsys.Dataset.from_frame(log, **keywords)
            assert caplog.text.count("empty user 1") == 1
            for data, times in ((made, 1), (made.source, 2)):
                with pytest.raises(Stopped):
                    recsys.train(data, encoder="gru", runs_dir=tmp_path, tracking=OFF)
                assert caplog.text.count("empty user 1") == times

    @pytest.mark.parametrize("name", ["", " "])
    def test_a_blank_name_is_refused(self, run, data, name):
        before = sorted(Path("runs").iterdir())
        with pytest.raises(recsys.InputError, match=f"^train:\n  name: .* received '{name}'"):
            recsys.train(data, name=name, encoder="average", epochs=1)
        assert sorted(Path("runs").iterdir()) == before

    def test_what_is_refused_leaves_no_name_behind(self, run, data):
        before = sorted(Path("runs").iterdir())
        for wrong in ({"encoder": "rnn", "user_features": ["age"]}, {"epochs": 0}):
            with pytest.raises(recsys.InputError):
                recsys.train(data, **wrong)
        assert sorted(Path("runs").iterdir()) == before

    def test_a_name_continues_its_run_and_no_other(self, run, data):
        again = recsys.train(data, name="average", encoder="average", epochs=2)
        assert again.path == run.path and again.history.equals(run.history)
        with pytest.raises(recsys.InputError, match=r"differs in model\.dim.*overwrite=True"):
            recsys.train(data, name="average", encoder="average", epochs=2, dim=8)

    def test_data_is_a_dataset_or_a_section(self, run):
        with pytest.raises(recsys.InputError, match=r"expected a recsys.Dataset, received str"):
            recsys.train("log.csv")
        with pytest.raises(recsys.InputError, match="given as a keyword and in fields"):
            recsys.train(run.dataset, fields={"epochs": 2}, epochs=2)

    def test_a_step_alone_stands_on_the_earlier_ones(self, run):
        with pytest.raises(
            recsys.InputError, match=r"is not trained yet: `recsys\.run\(…, only='train'\)`"
        ):
            recsys.run("circle.yaml", name="untrained", only="evaluate")
        assert not Path("runs/untrained").exists()

    def test_an_unfinished_run_says_what_finishes_it(self, run, tmp_path):
        """Nothing of it is damaged: it was stopped, or told to train alone."""
        shutil.copytree(run.path, tmp_path / "average" / "1")
        stopped = recsys.load(tmp_path / "average")
        (stopped.path / "metrics.json").unlink()
        with pytest.raises(recsys.Damaged, match=r"metrics\.json is missing"):
            stopped.summary()  # it was there
        (stopped.path / "manifest.json").unlink()
        again = f"recsys.run('{stopped.path}/experiment.yaml', runs_dir='{tmp_path}')"
        said = re.escape(f"it has no metrics yet. `{again}` goes on where it stopped")
        for asked in (stopped.summary, lambda: stopped.metrics, stopped.plot.baselines):
            with pytest.raises(recsys.InputError, match=said) as refused:
                asked()
            assert not isinstance(refused.value, recsys.Damaged)
        typed = f"`recsys run {stopped.path}/experiment.yaml --runs-dir {tmp_path}`"
        with as_typed(), pytest.raises(recsys.InputError, match=re.escape(typed)):
            stopped.summary()


class TestCompare:
    def test_names_tell_runs_apart(self, run):
        found = recsys.compare([run, run], ["recall@10", "mrr@10"])
        assert found["metric"].tolist() == ["recall@10", "mrr@10"]
        assert found["model"][0] != found["other"][0] and (found["difference"] == 0).all()

    def test_seeds_are_compared_by_their_mean(self, run):
        found = recsys.compare([[run, run], run])
        assert found["sentence"][0].endswith("Means over 2 seeds and 1 seed.")
        assert found["model"][0] == "average (2 seeds)" and found["other"][0] == "average/1"
        with pytest.raises(recsys.InputError, match="at least two runs"):
            recsys.compare([run, []])

    def test_on_the_command_line(self, run):
        path = str(run.path)
        done = recsys_command("compare", path, str(run.path.parent), "--metric", "recall@10")
        assert done.returncode == 0 and "no difference in recall@10" in done.stdout, done.stderr
        done = recsys_command("compare", path, str(run.path.parent), "--json")
        said, found = map(json.loads, done.stdout.splitlines())
        assert said["event"] == "message" and "is given 2 times" in said["text"]
        assert (found["event"], found["difference"], found["real"]) == ("comparison", 0.0, False)
        done = recsys_command("compare", path)
        assert done.returncode == 2 and "at least two runs" in done.stderr
        done = recsys_command("compare", path, "nowhere")
        assert done.returncode == 2 and "nowhere holds no run" in done.stderr

    def test_lists_of_another_system(self, run, tmp_path, caplog):
        """Our own recommendations, written down: most users ask again, and get the same list."""
        dataset = run.dataset
        queries = dataset.queries("test", run.experiment.evaluation.last_only)
        past: dict[str, list[str]] = {}
        for user, end in zip(queries.users, queries.history_ends, strict=True):
            events = dataset.event_items[dataset.user_offsets[user] : end]
            past.setdefault(dataset.user_ids[user], [dataset.item_ids[item] for item in events])
        lists = run.recommend(histories=past, k=10)
        found = recsys.evaluate_lists(lists, run, name="current")
        both = found["value"].xs("ndcg@10")
        assert 0 < both["current"] < both["average"]
        difference = found.attrs["comparison"]["difference"]
        assert difference == pytest.approx(both["average"] - both["current"])
        assert any("taken out of the lists" in note for note in found.attrs["notes"])
        lists.to_csv(tmp_path / "current.csv", index=False)
        path, table = str(run.path), str(tmp_path / "current.csv")
        done = recsys_command("compare", path, "--lists", table)
        assert done.returncode == 0, done.stderr
        assert "average is better than current by" in done.stdout
        done = recsys_command("compare", path, "--lists", table, "--column", "user")
        assert done.returncode == 2 and "write ROLE=NAME" in done.stderr
        done = recsys_command("compare", path, "--lists", table, "--column", "user=who")
        assert done.returncode == 2 and "has no column 'who' (user)" in done.stderr
        with pytest.raises(recsys.InputError, match="is the name of the run"):
            recsys.evaluate_lists(lists, run, name="average")

    def test_groups_and_the_page(self, run, tmp_path):
        page = tmp_path / "comparison.html"
        found = recsys.compare([run, run], by="item.colour", page=page)
        assert set(found["group"]) == {"item.colour blue", "item.colour red"}
        assert (found["difference"] == 0).all()
        shown = page.read_text()
        for part in (
            "no difference in ndcg@10",
            "item.colour: blue",
            "user.history: ",
            "item.age",
            "data:image/svg",
        ):
            assert part in shown
        assert page.stat().st_mode & 0o077 == 0
        done = recsys_command("compare", str(run.path), "--by", "item.colour", "--json")
        assert done.returncode == 0, done.stderr
        assert "average, red: ndcg@10" in done.stderr and "others" in done.stderr
        groups = [json.loads(line) for line in done.stdout.splitlines()]
        assert {(each["event"], each["by"], each["group"]) for each in groups} == {
            ("group", "item.colour", "blue"),
            ("group", "item.colour", "red"),
        }
        done = recsys_command("compare", str(run.path), "--by", "item.colour", "--page", "x.html")
        assert done.returncode == 2 and "--page is of at least two runs" in done.stderr
        done = recsys_command("compare", str(run.path), "--lists", "nowhere.csv")
        assert done.returncode == 2 and "nowhere.csv is not there" in done.stderr
        done = recsys_command("compare", str(run.path), "--by", "item.size")
        assert done.returncode == 2 and "nothing is called 'item.size' here" in done.stderr

    def test_it_takes_two(self, run):
        with pytest.raises(recsys.InputError, match="at least two runs"):
            recsys.compare([run])
        with pytest.raises(recsys.InputError, match="at least two runs"):
            recsys.compare(run, run)
        with pytest.raises(recsys.InputError, match="unknown metric"):
            recsys.compare([run, run], ["coverage@10"])
