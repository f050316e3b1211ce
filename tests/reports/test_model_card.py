"""The model card of a made-up run, as programs and people read it."""

import json
from pathlib import Path

import pytest
import yaml

from recsys.errors import InputError
from recsys.reports.model_card import EXPORTED, write_model_card
from tests.reports.synthetic import document, write_run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "tiny-lstm" / "3")


def parts(folder: Path) -> tuple[dict, str]:
    """The block of YAML, and what follows it."""
    empty, block, text = write_model_card(folder).read_text(encoding="utf-8").split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(block), text


def tables(text: str) -> list[list[str]]:
    """The rows of each table."""
    blocks = ("\n".join(line.strip() for line in text.splitlines())).split("\n\n")
    return [block.splitlines() for block in blocks if block.startswith("|")]


def test_programs_read_what_was_measured(run_folder: Path) -> None:
    metadata, _ = parts(run_folder)
    assert metadata["license"] == "unknown"
    assert metadata["tags"] == ["recommender-system", "two-tower", "lstm"]
    (index,) = metadata["model-index"]
    (result,) = index["results"]
    assert index["name"] == "tiny-lstm" and result["dataset"]["split"] == "test"
    found = {each["type"]: each["value"] for each in result["metrics"]}
    test = document()["test"]
    assert found["ndcg@10"] == test["ndcg@10"]["value"]
    assert set(found) == {name for name in test if name.endswith("@10")}


def test_people_read_intervals_baselines_slices_and_how_to_load_it(run_folder: Path) -> None:
    _, text = parts(run_folder)
    assert "\n# tiny-lstm\n" in text
    metrics, slices = tables(text)
    assert "0.0850 (0.0723 to 0.09" in metrics[2] and metrics[2].startswith("| this model |")
    assert metrics[3].startswith("| most popular items |")
    assert "- tiny-lstm is better than popular by 0.0425 ndcg@10." in text
    assert len(slices) == 2 + 5 and slices[-1].endswith("| none |")
    for table in (metrics, slices):
        assert len({row.count("|") for row in table}) == 1
    assert 'recsys.load("runs/tiny-lstm/3")' in text
    assert 'tf.saved_model.load("runs/tiny-lstm/3/model/1")' in text
    assert "- Evaluated on 49 test events &lt;only&gt;." in text


def test_every_input_of_the_model_is_in_the_example(run_folder: Path) -> None:
    assert '"history": tf.constant([["…"]]),\n    }' in parts(run_folder)[1]
    file = run_folder / "model" / "1" / EXPORTED
    file.parent.mkdir(parents=True)
    kinds = {
        "age": {"dtype": "float32", "shape": [None]},
        "Land <1>": {"dtype": "string", "shape": [None]},
        "history": {"dtype": "string", "shape": [None, None]},
        "photo": {"dtype": "float32", "shape": [None, 2]},
    }
    file.write_text(json.dumps({"signatures": {"serving_default": {"inputs": kinds}}}))
    text = parts(run_folder)[1]
    inside = text[text.index("    **{") + 7 : text.index("    }\n)")]
    assert inside.split(",\n")[:4] == [
        '\n        "history": tf.constant([["…"]])',
        '        "age": tf.constant([0.0])',
        '        "Land <1>": tf.constant(["…"])',
        '        "photo": tf.constant([[0.0, 0.0]])',
    ]


def test_a_licence_and_privacy_are_told(run_folder: Path) -> None:
    with open(run_folder / "experiment.yaml", "a") as experiment:
        experiment.write("export: {license: apache-2.0, version: '7'}\n")
    changed = document() | {"privacy": {"epsilon": 7.5, "delta": 1e-5}}
    (run_folder / "metrics.json").write_text(json.dumps(changed))
    metadata, text = parts(run_folder)
    assert metadata["license"] == "apache-2.0" and "Licence: apache-2.0.\n" in text
    assert "private for each user, with ε = 7.5 and δ = 1e-05" in text
    assert "/model/7" in text


def test_names_of_a_log_cannot_break_a_table(run_folder: Path) -> None:
    changed = document()
    changed["slices"]["country = a|b"] = changed["slices"]["hot_users"]
    (run_folder / "metrics.json").write_text(json.dumps(changed))
    _, slices = tables(parts(run_folder)[1])
    assert len({row.replace("\\|", "").count("|") for row in slices}) == 1


def test_a_run_that_was_not_evaluated_has_none(run_folder: Path) -> None:
    changed = document() | {"test": {}}
    (run_folder / "metrics.json").write_text(json.dumps(changed))
    with pytest.raises(InputError, match="holds no test metrics: evaluate the run first"):
        write_model_card(run_folder)
    assert not (run_folder / "model_card.md").exists()
