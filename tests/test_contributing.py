"""The examples of CONTRIBUTING.md work as printed."""

import json
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from recsys.data.dataset import Dataset
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.ranking import rank
from recsys.models.retriever import ModelConfig
from recsys.system import kinds
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from tests.datasets import checkerboard, write_dataset
from tests.processes import run_python

REPOSITORY = Path(__file__).parents[1]
CONTRIBUTING = REPOSITORY / "CONTRIBUTING.md"
# Where the example of a feature kind has its entries: before what, and how one is written.
TABLES = {
    "recsys/data/prepare/features": ("    CategoricalFeature\n", "    {0} |\n"),
    "recsys/models/features": ('    "categorical": ', '    "symlog": {0},\n'),
    "recsys/export/features": ('    "categorical": ', '    "symlog": {0},\n'),
}
# Prepares, builds and exports with the copy of the package in the working directory. Prints the
# arrays, and how users without events are embedded by the model, which reads the array, and by
# the SavedModel, which reads what the table says.
PROGRAM = """
import json
import sys
from pathlib import Path

for name in [each for each in sys.modules if each.partition(".")[0] == "recsys"]:
    del sys.modules[name]
sys.path.insert(0, "")

import numpy as np
import tensorflow as tf

from recsys.data.prepare.config import DataConfig
from recsys.data.prepare.prepare import prepare
from recsys.export.probes import write_probes
from recsys.export.process import export
from recsys.export.request import ExportRequest
from recsys.models.retriever import ModelConfig
from recsys.training.build import build_retriever

given = json.loads(sys.argv[1])
dataset = prepare(DataConfig.model_validate(given["data"]), "datasets")
retriever = build_retriever(ModelConfig.model_validate(given["model"]), dataset, "train", seed=1)
retriever.save("retriever.keras")
write_probes(retriever, dataset, Path("probes.npz"), count=8)
files = {"retriever": "retriever.keras", "dataset": dataset.path, "probes": "probes.npz"}
reply = export(ExportRequest(**files, model_folder="model", config={"timed_queries": 0}))
order = [dataset.user_ids.index(user) for user in given["pages"]]
pages = dataset.feature("user", "pages")[order]
history = {"history": np.zeros((len(order), 1), np.int32), "length": np.zeros(len(order), np.int32)}
served = tf.saved_model.load("model/1").signatures["embed_query"](
    history=tf.constant([[""]] * len(order)), pages=tf.constant(list(given["pages"].values()))
)
print(json.dumps({
    "kinds": [each.kind for each in dataset.manifest.user_features],
    "pages": pages.tolist(),
    "price": dict(zip(dataset.item_ids, dataset.feature("item", "price").tolist())),
    "model": np.asarray(retriever.embed_query(history | {"user_feature.pages": pages})).tolist(),
    "served": served["embedding"].numpy().tolist(),
    "probes": reply["gate"]["parity"]["probes"],
}))
"""


@pytest.fixture
def example(monkeypatch):
    """The names that an example defines, by its number."""
    monkeypatch.setattr(kinds, "_own", {})
    found = re.findall(r"```python\n(.*?)```", CONTRIBUTING.read_text(), flags=re.DOTALL)

    def defined(number: int) -> dict:
        names: dict = {"__name__": "example"}
        exec(compile(found[number], "example.py", "exec"), names)
        return names

    return defined


def test_the_example_encoder(example):
    names = example(0)
    encoder = names["FadingConfig"](keep=0.5).build(2, 3)
    history = np.array([[[1, 0], [0, 1], [4, 4]]], dtype=np.float32)
    found = keras.ops.convert_to_numpy(encoder(history))
    by_hand = [[1, 0], [1 / 3, 2 / 3], [(0.25 + 4) / 1.75, (0.5 + 4) / 1.75]]
    np.testing.assert_allclose(found[0], by_hand, rtol=1e-6)
    copy = names["Fading"].from_config(encoder.get_config())
    assert copy.keep == 0.5


def test_the_example_loss_trains_with_the_example_encoder(example, tmp_path):
    config = ModelConfig(
        dim=4,
        query={"encoder": example(0)["FadingConfig"](keep=0.5)},
        loss=example(1)["SquaredConfig"](negatives={"kind": "uniform", "count": 2}),
    )
    retriever = build_retriever(config, checkerboard(tmp_path / "dataset"), "train", seed=1)
    batch = training_batches(retriever, Dataset(tmp_path / "dataset"))[0]
    assert batch["negatives"].shape == (2,)
    # Scores of 0: each target is 1 too low.
    retriever.item_tower.table.embeddings.assign(
        keras.ops.zeros_like(retriever.item_tower.table.embeddings)
    )
    assert float(retriever.loss_of(retriever(batch), batch)) == pytest.approx(1.0)


def test_the_example_baseline(example, tmp_path):
    users = [[[0, 1, 2], [0], [1]], [[2, 1, 3], [2], [3]]]
    dataset = write_dataset(tmp_path / "dataset", users, 4)
    config = EvaluationConfig(baselines=["popular", example(2)["NewestConfig"]()])
    newest = config.baselines[1]
    ((settings, fitted),) = newest.candidates(dataset, "train", "allow")
    found = rank(fitted(), dataset, dataset.queries("test"), "allow", 4)
    # Item 3 appeared last, then 2, 1 and 0.
    assert found.top_items.tolist() == [[3, 2, 1, 0]] * 2
    assert newest.fit(dataset, "train", settings).catalogue_items == 4
    assert config.model_dump()["baselines"] == ("popular", "newest")


@pytest.mark.slow
def test_the_example_feature_kind_from_a_column_to_the_served_model(tmp_path):
    shutil.copytree(REPOSITORY / "recsys", tmp_path / "recsys")
    pattern = r"`((recsys/[\w/]+)/symlog\.py)`:\n\n```python\n(.*?)```"
    examples = re.findall(pattern, CONTRIBUTING.read_text(), flags=re.DOTALL)
    assert [room for _, room, _ in examples] == list(TABLES)
    for file, room, code in examples:
        (tmp_path / file).write_text(code)
        (name,) = re.findall(r"^class (\w+)", code, flags=re.MULTILINE)
        before, entry = TABLES[room]
        table = tmp_path / room / "kinds.py"
        found = table.read_text()
        assert found.count(before) == 1
        imported = f"from {room.replace('/', '.')}.symlog import {name}\nfrom recsys."
        found = found.replace(before, entry.format(name) + before)
        table.write_text(found.replace("from recsys.", imported, 1))
    # 2, 0 and -2 by their logarithms, and none.
    pages = {"ann": np.expm1(2), "bob": 0.0, "cid": -np.expm1(2), "dot": None}
    table = "".join(f"{user},{'' if n is None else n}\n" for user, n in pages.items())
    (tmp_path / "users.csv").write_text("user,pages\n" + table)
    (tmp_path / "items.csv").write_text(f"item,price\nx,{np.expm1(1)}\ny,{np.expm1(3)}\n")
    events = [f"{user},{item},{day}" for day in range(1, 9) for user in pages for item in "xyz"]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,day", *events]))
    columns = {"user": "user", "item": "item", "order": "day"}
    features = {"pages": "symlog"}, {"price": "symlog"}
    given = {
        "data": {
            "log": {"path": "log.csv", "columns": columns},
            "users": {"path": "users.csv", "key": "user", "features": features[0]},
            "items": {"path": "items.csv", "key": "item", "features": features[1]},
            "split": {"kind": "leave_one_out"},
        },
        "model": {
            "dim": 4,
            "query": {"user_features": ["pages"]},
            "item": {"features": ["price"]},
        },
        "pages": pages | {"dot": float("nan")},
    }
    done = run_python("export", "-c", PROGRAM, json.dumps(given), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kinds"] == ["symlog"]
    np.testing.assert_allclose(found["pages"], [1.5**0.5, 0, -(1.5**0.5), 0], rtol=1e-6)
    assert found["price"] == pytest.approx({"x": -1, "y": 1, "z": 0})
    np.testing.assert_allclose(found["served"], found["model"], rtol=1e-5, atol=1e-6)
    assert np.abs(np.subtract(found["served"][0], found["served"][2])).max() > 0.01
    assert found["served"][1] == found["served"][3]
    assert found["probes"] == 8
