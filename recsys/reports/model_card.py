"""The model card of a run: what a model is, how good it is, and how to load it."""

from pathlib import Path
from typing import Any

import yaml

from recsys.evaluation.metrics import LIST_METRICS, RANKING_METRICS, parse_metric
from recsys.reports.page import MEND, read_document, write_page
from recsys.reports.report import NAMES, evaluated, headline_metric
from recsys.system.reading import read_json

MODEL_CARD = "model_card.md"
# Of a version of the SavedModel.
EXPORTED = "assets.extra/manifest.json"
TASK = {"type": "recommendation", "name": "Recommendation"}


def write_model_card(run_folder: Path) -> Path:
    """Writes ``model_card.md`` into a run folder, in whole or not at all.

    It is Markdown below a block of YAML, the format of Hugging Face's model cards, whose
    ``model-index`` has the test metrics (Mitchell et al., "Model Cards for Model Reporting", 2019).
    Nothing in it is of a single user.

    Args:
        run_folder: such as ``runs/quickstart-lstm/0``.

    Returns:
        The card's path.

    Raises:
        InputError: a document is missing or damaged, or holds no test metrics.

    Example:
        >>> write_model_card(run.path).name
        'model_card.md'
    """
    run_folder = Path(run_folder)
    metrics = evaluated(run_folder)
    experiment = read_document(run_folder / "experiment.yaml")
    dataset = read_document(run_folder / "dataset.json", {})
    headline = headline_metric(metrics["test"], experiment)
    k = parse_metric(headline)[1]
    shown = [
        f"{kind}@{k}"
        for kind in (*RANKING_METRICS, *LIST_METRICS)
        if f"{kind}@{k}" in metrics["test"]
    ]
    export = experiment.get("export", {})
    version = export.get("version", "1")
    file = run_folder / "model" / version / EXPORTED
    exported = read_json(file, MEND) if file.is_file() else {}
    return write_page(
        run_folder / MODEL_CARD,
        "model_card.md",
        front_matter=yaml.safe_dump(
            _metadata(metrics, experiment, dataset, shown), sort_keys=False, allow_unicode=True
        ),
        name=experiment.get("name", "model"),
        seed=run_folder.name,
        experiment=experiment,
        encoder=_encoder(experiment),
        license=export.get("license", "unknown"),
        version=version,
        inputs=_inputs(exported.get("signatures", {}).get("serving_default", {})),
        metrics=metrics,
        headline=headline,
        shown=shown,
        rows={"this model": metrics["test"], **_named(metrics.get("baselines", {}))},
        comparisons=[each for each in metrics.get("comparisons", []) if each["metric"] == headline],
        notes=metrics.get("notes", {}).get("test", []),
        provenance=(metrics.get("provenance") or [{}])[-1],
    )


def _metadata(
    metrics: dict[str, Any], experiment: dict[str, Any], dataset: dict[str, Any], shown: list[str]
) -> dict[str, Any]:
    """What other programs read of the card."""
    name = str(experiment.get("name", "model"))
    fingerprint = str(dataset.get("fingerprint", "unknown"))
    result = {
        "task": TASK,
        "dataset": {
            "type": "interactions",
            "name": f"held-out events of {name}",
            "split": "test",
            "revision": fingerprint,
        },
        "metrics": [
            {"type": each, "name": each, "value": metrics["test"][each]["value"]} for each in shown
        ],
    }
    return {
        "license": experiment.get("export", {}).get("license", "unknown"),
        "library_name": "recsys",
        "tags": ["recommender-system", "two-tower", *filter(None, [_encoder(experiment)])],
        "model-index": [{"name": name, "results": [result]}],
    }


def _inputs(signature: dict[str, Any]) -> dict[str, str]:
    """A value of each input that the signature has, as Python writes it; ``history`` comes first.

    Before the export it is not known what the model reads beside the history.
    """
    inputs = {"history": {"dtype": "string", "shape": [None, None]}, **signature.get("inputs", {})}
    found = {}
    for name, each in inputs.items():
        value = '"…"' if each["dtype"] == "string" else "0.0" if "float" in each["dtype"] else "0"
        for size in reversed(each["shape"]):
            value = f"[{', '.join([value] * (size or 1))}]"
        found[name] = value
    return found


def _encoder(experiment: dict[str, Any]) -> str:
    """The kind of the query tower's encoder."""
    query = experiment.get("model", {}).get("query", {})
    kind = query.get("encoder", {}).get("kind", query.get("kind", ""))
    return str(kind).rpartition(":")[2]


def _named(baselines: dict[str, Any]) -> dict[str, Any]:
    return {NAMES.get(name, name): values for name, values in baselines.items()}
