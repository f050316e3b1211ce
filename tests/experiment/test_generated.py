"""Any experiment is read, or refused in one message that names what is wrong."""

import yaml
from hypothesis import assume, event, given
from hypothesis import strategies as st

from recsys.errors import InputError
from recsys.experiment.file import set_value
from recsys.experiment.schema import load_experiment
from tests.generated import examples

DOCUMENT = {
    "data": {
        "log": {
            "path": "log.csv",
            "columns": {"user": "u", "item": "i", "time": "t", "event": "e", "value": "v"},
            "event_weights": {"view": 1, "buy": 2},
            "features": {"e": "categorical"},
        },
        "items": {"path": "items.csv", "key": "i", "features": {"brand": "categorical"}},
        "limits": {"repeated_rows": 0.1},
        "split": {"kind": "time"},
    },
    "seen": "allow",
    "model": {"query": {"encoder": {"kind": "lstm"}}, "loss": {"kind": "cross_entropy"}},
    "training": {"epochs": 2, "optimizer": {"kind": "adam"}},
}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["", "nan", "1e5", "~", "=1", "2026-01-01", "time", "lstm", "${HOME}", "{}"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=4), st.integers()),
    st.just({"kind": "lstm"}), st.just({"kind": 3}), st.just([[[]]]),
)  # fmt: skip


def keys_of(document, before=""):
    """Dotted keys of sections and of what is in them."""
    for key, value in document.items():
        yield before + key
        if isinstance(value, dict):
            yield from keys_of(value, f"{before}{key}.")


FULL = keys_of(
    {"data": {"log": dict.fromkeys(["quote", "delimiter", "where", "max_quarantined", "skip"])},
     "model": {"dim": 0, "max_events": 0}, "evaluation": {"metric": 0}, "export": {"k": 0}}
)  # fmt: skip
KEYS = st.sampled_from(sorted({*keys_of(DOCUMENT), *FULL}))


@examples(0.75)
@given(key=KEYS, value=ODD, misspelt=st.booleans())
def test_one_setting_that_may_be_anything(tmp_path_factory, key, value, misspelt):
    document = yaml.safe_load(yaml.safe_dump(DOCUMENT))
    name = f"{key}x" if misspelt else key
    set_value(document, name, value)
    file = tmp_path_factory.mktemp("experiment") / "shop.yaml"
    text = yaml.safe_dump(document, allow_unicode=True)
    assume(yaml.safe_load(text) == document or value != value)
    file.write_text(text, encoding="utf-8")
    try:
        experiment = load_experiment(file)
    except InputError as error:
        event("refused")
        assert str(file) in str(error) and len(str(error)) < 5000 and "Traceback" not in str(error)
        assert key.split(".")[0] in str(error)
        return
    event("read")
    # What was read is written, and read again as the same.
    file.write_text(yaml.safe_dump(experiment.dump(), allow_unicode=True), encoding="utf-8")
    assert load_experiment(file) == experiment
