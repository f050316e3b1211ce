"""Which types a file may ask for when an estimator is loaded from it."""

import functools
import os

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer

from recsys import tracking
from recsys.errors import InputError
from recsys.marketing.propensity.estimator_model import FILE, example, signature, trusted_types
from recsys.marketing.propensity.estimators import KINDS, candidates
from recsys.tracking import models

USERS = pd.DataFrame(
    {"value": [1.0, np.nan, 3.0, 4.0] * 15, "kind": pd.Series(["a", "b"] * 30, dtype=object)}
)


@pytest.mark.parametrize("aim", ["class", "mean", "signed_mean", "median"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_estimator_of_ours_asks_for_allowed_types_only(tmp_path, kind, aim):
    target = np.array([0, 1, 1, 0] * 15) if aim == "class" else np.arange(60.0)
    if kind == "svm" and "mean" in aim:
        assert candidates(kind, aim, seed=0) == []
        return
    # The last settings have every step: components, a logarithm of the amount.
    _, pipeline = candidates(kind, aim, seed=0)[-1]
    small = {"n_estimators": 2, "n_components": 3}
    for key in pipeline.get_params():
        if (name := key.rpartition("__")[2]) in small:
            pipeline.set_params(**{key: small[name]})
    pipeline.fit(USERS, target)
    skops.io.dump(pipeline, tmp_path / FILE)
    types = trusted_types(tmp_path)
    loaded = skops.io.load(tmp_path / FILE, trusted=types)
    np.testing.assert_array_equal(loaded.predict(USERS), pipeline.predict(USERS))


@pytest.mark.parametrize(
    "function", [os.system, functools.partial(os.system, "touch owned"), eval, os.remove]
)
def test_a_file_that_asks_for_more_is_not_loaded(tmp_path, monkeypatch, function):
    monkeypatch.chdir(tmp_path)
    skops.io.dump(FunctionTransformer(function), tmp_path / FILE)
    with pytest.raises(InputError, match=r"model\.skops is not an estimator of ours.*would load"):
        trusted_types(tmp_path)
    # That it is no server's fault is said before anything is sent.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    config = tracking.TrackingConfig(system_metrics_interval=0)
    monkeypatch.setattr(tracking.tracker.MlflowTracker, "_open", lambda self: None)
    with (
        tracking.start(config, tmp_path / "run", tmp_path, "x", {}) as tracker,
        pytest.raises(InputError, match="was not loaded"),
    ):
        tracker.log_model(tmp_path, {"value": [1.0]})
    with pytest.raises(InputError, match="was not loaded"):
        models.log(_Unasked(), tmp_path, None, None, None)
    assert not (tmp_path / "owned").exists()


class _Unasked:
    """A run that holds no model yet."""

    id = "1"

    @property
    def client(self):
        return self

    def get_run(self, _):
        return type("Stored", (), {"data": type("Data", (), {"tags": {}})})


def test_the_example_fits_the_signature():
    from mlflow.models.utils import _enforce_schema

    values = {"months": [1, 2], "fee": [None, None], "rate": [None, 0.5], "plan": ["a", None]}
    table = example(values)
    assert [str(kind) for kind in table.dtypes[:3]] == ["float64"] * 3
    taken = _enforce_schema(table, signature(values).inputs)
    pd.testing.assert_frame_equal(taken, table)
