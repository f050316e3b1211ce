"""Experiment files: what is refused, and how the message helps."""

import re

import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.schema import Experiment, load_experiment

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


def test_filters_are_attributes_of_the_item_table(tmp_path):
    said = refused(tmp_path, overrides=["export.filters=[price]"])
    assert "'price', which is not among data.items.attributes (there are none)" in said
    items = {
        "path": "i.csv",
        "key": "i",
        "attributes": {"price": "numeric", "brand": "categorical"},
    }
    document = {**DOCUMENT, "data": {**DOCUMENT["data"], "items": items}}
    said = refused(tmp_path, document, ["export.filters=[prise]"])
    assert "(brand, price): did you mean 'price'?" in said
    said = refused(tmp_path, document, ["export.filters=[price, price]"])
    assert "price: named twice" in said
    assert load(tmp_path, document, ["export.filters=[price]"]).export.filters == ["price"]
    document["data"]["users"] = {**items, "key": "u"}
    assert "only items have attributes" in refused(tmp_path, document)


def test_an_unknown_key_is_refused_with_the_nearest_right_one(tmp_path):
    message = refused(tmp_path, overrides=["training.epoch=3"])
    assert "training.epoch: unknown key; did you mean 'epochs'?" in message


def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted(tmp_path):
    limits = {f"wrong{number}": number for number in range(25)}
    message = refused(tmp_path, {**DOCUMENT, "data": {**DOCUMENT["data"], "limits": limits}})
    assert message.count("unknown key") == 10
    assert message.endswith("… and 15 more mistakes")


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
        ("name=2024", "received 2024; text that looks like something else needs quotes"),
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

    def test_what_fits_is_kept_and_what_does_not_is_said(self, tmp_path, caplog):
        experiment = load(tmp_path, reading_with(ATTENTION), ["model.query.encoder.kind=lstm"])
        encoder = experiment.model.query.encoder
        assert (encoder.kind, encoder.dropout) == ("lstm", 0.3)
        (said,) = (record.getMessage() for record in caplog.records)
        assert "model.query.encoder: of kind 'lstm'" in said and said.endswith("heads")

    def test_what_is_given_with_it_must_fit(self, tmp_path):
        overrides = ["model.query.encoder.heads=4", "model.query.encoder.kind=lstm"]
        assert "heads: unknown key" in refused(tmp_path, reading_with(ATTENTION), overrides)

    def test_a_kind_that_there_is_not_loses_nothing(self, tmp_path, caplog):
        overrides = ["model.query.encoder.kind=lsmt"]
        assert "did you mean 'lstm'?" in refused(tmp_path, reading_with(ATTENTION), overrides)
        assert not caplog.records

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
    with pytest.raises(InputError, match="choose another `name`"):
        load_experiment(path, name=name)
    assert load_experiment(path, name="fine").name == "fine"


@pytest.mark.parametrize("name", ["", "  "])
def test_a_name_is_not_blank(tmp_path, name):
    path = tmp_path / "fine.yaml"
    path.write_text(yaml.safe_dump(DOCUMENT))
    with pytest.raises(InputError, match=f"name: a name begins with .*received '{name}'"):
        load_experiment(path, name=name)


@pytest.mark.parametrize(
    ("columns", "roles"),
    [
        ({"item": "u"}, "`user` and `item`"),
        ({"time": "i"}, "`item` and `time`"),
        ({"event": "u"}, "`user` and `event`"),
        ({"value": "x", "quantity": " x"}, "`value` and `quantity`"),
    ],
)
def test_roles_that_differ_have_columns_of_their_own(tmp_path, columns, roles):
    changed = [f"data.log.columns.{role}={name!r}" for role, name in columns.items()]
    said = refused(tmp_path, overrides=changed)
    assert "data.log: the column" in said and f"has the roles {roles}" in said


def test_a_visit_may_stand_for_its_user(tmp_path):
    columns = load(tmp_path, overrides=["data.log.columns.session=u"]).data.log.columns
    assert columns.session == columns.user == "u"


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


def test_what_only_recsys_sweep_reads_is_passed_over(tmp_path):
    document = {**DOCUMENT, "sweep": {"trials": "many"}}
    assert load(tmp_path, document, ["sweep.hours=1"]) == load(tmp_path)
    message = refused(tmp_path, {**DOCUMENT, "sweeps": {}})
    assert "sweeps: unknown key" in message


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


@pytest.mark.parametrize("seeds", ["[1, 2, 1]", "[3, 3]"])
def test_a_seed_is_given_once(tmp_path, seeds):
    assert "training.seeds: each may be given once" in refused(
        tmp_path, overrides=[f"training.seeds={seeds}"]
    )


def test_times_may_be_dates(tmp_path):
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
