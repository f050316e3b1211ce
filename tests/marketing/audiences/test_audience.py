import json

import pandas as pd
import pytest
import yaml

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.audiences.audience import (
    Audience,
    AudienceConfig,
    Definition,
    counts,
    pick,
    save_audience,
)
from recsys.marketing.audiences.summary import audience_summary
from recsys.marketing.audiences.suppression import Suppressed
from recsys.marketing.audiences.users_table import read_users


@pytest.fixture
def run(tmp_path):
    """A prediction about users 0 to 99, of whom every fourth is lost."""
    folder = tmp_path / "runs" / "leaves" / "1"
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text("task: propensity\n")
    users = pd.DataFrame(
        {
            "user": [str(user) for user in range(100)],
            "probability": [user / 100 for user in range(100)],
            "reasons": [[]] * 100,
            "segment": ["lost" if user % 4 == 0 else "active" for user in range(100)],
        }
    )
    users.to_parquet(folder / "users.parquet")
    return folder


def config(run, **settings):
    document = {"name": "likely", "runs": {"leaves": str(run.parent)}, "minimum_size": 20}
    document |= {"where": "leaves >= 0.5", **settings}
    return validated(AudienceConfig, document, "likely.yaml")


def test_it_is_saved_counted_and_versioned(run, tmp_path):
    runs = tmp_path / "runs"
    (tmp_path / "no.csv").write_text("user\n99\n1\n")
    first = save_audience(config(run), runs)
    assert first == runs / "audiences" / "likely" / "1"
    assert pd.read_parquet(first / "members.parquet")["user"].tolist() == list(
        map(str, range(50, 100))
    )
    assert save_audience(config(run), runs) == first
    second = save_audience(
        config(run, suppress={"path": str(tmp_path / "no.csv"), "key": "user"}), runs
    )
    assert second.name == "2" and first.is_dir()
    counts = json.loads((second / "audience.json").read_text())
    # Twelve are lost, fewer than are told; how many are active would tell.
    assert counts == {
        "format": 1,
        "name": "likely",
        "users": 49,
        "of": 100,
        "opted_out": 1,
        "minimum_size": 20,
        "segments": {"active": None, "lost": None},
        "opt_outs_where": None,
        "unknown_opt_outs": 0,
        "opted_out_addresses_of_nobody": 0,
        "unreadable_opted_out_addresses": 0,
    }
    assert yaml.safe_load((second / "audience.yaml").read_text())["where"] == "leaves >= 0.5"


def test_new_predictions_are_a_new_version(run, tmp_path):
    save_audience(config(run), tmp_path / "runs")
    users = pd.read_parquet(run / "users.parquet")
    users.assign(probability=users["probability"][::-1].to_numpy()).to_parquet(
        run / "users.parquet"
    )
    assert save_audience(config(run), tmp_path / "runs").name == "2"


def test_too_few_are_no_audience_and_how_few_is_not_said(run, tmp_path):
    with pytest.raises(InputError, match=r"'likely' has fewer than 20 users \(of 100\)") as error:
        save_audience(config(run, where="leaves >= 0.83"), tmp_path / "runs")
    assert "17" not in str(error.value)
    assert not (tmp_path / "runs" / "audiences").exists()


def test_those_who_opted_out_do_not_count(run, tmp_path):
    (tmp_path / "no.csv").write_text("user\n99\n")
    settings = {
        "suppress": {"path": str(tmp_path / "no.csv"), "key": "user"},
        "where": "leaves >= 0.8",
    }
    assert save_audience(config(run, where="leaves >= 0.8"), tmp_path / "runs")
    with pytest.raises(InputError, match="fewer than 20"):
        save_audience(config(run, **settings), tmp_path / "runs")


def test_who_opted_out_by_address_is_no_member(run, tmp_path):
    (tmp_path / "contacts.csv").write_text("id,mail\n99,jdoe@googlemail.com\n98,x@b.org\n")
    (tmp_path / "no.csv").write_text("mail\nj.doe+x@gmail.com\nnobody@b.org\n")
    settings = {
        "suppress": {"path": str(tmp_path / "no.csv"), "email": "mail"},
        "contacts": {"path": str(tmp_path / "contacts.csv"), "key": "id", "email": "mail"},
    }
    folder = save_audience(config(run, **settings), tmp_path / "runs")
    assert pd.read_parquet(folder / "members.parquet")["user"].tolist() == list(
        map(str, range(50, 99))
    )
    said = audience_summary(folder)
    assert "50 of 100 users picked" in said and "1 opted out: 49 users left" in said
    assert "addresses that no contact has, so that no user is reached there: 1" in said


def test_an_anonymity_of_one_is_none(run):
    with pytest.raises(InputError, match="minimum_size"):
        config(run, minimum_size=1)


def test_what_is_told_does_not_tell_the_rest():
    rows = pd.DataFrame({"segment": ["new"] * 3 + ["lost"] * 30 + ["loyal"] * 40})
    told = counts(Audience(rows, 100, 0), minimum_size=20)["segments"]
    assert told == {"loyal": 40, "lost": None, "new": None}
    rows = pd.DataFrame({"segment": ["new"] * 30 + ["loyal"] * 40})
    assert counts(Audience(rows, 100, 0), minimum_size=20)["segments"] == {"loyal": 40, "new": 30}


def test_a_name_fits_a_folder(run):
    with pytest.raises(InputError, match="at most 100 letters"):
        config(run, name="x" * 300)


def test_a_list_that_covers_everybody_is_named_and_not_the_condition(run, tmp_path):
    everybody = "user\n" + "\n".join(map(str, range(100)))
    (tmp_path / "all.csv").write_text(everybody)
    suppress = {"path": str(tmp_path / "all.csv"), "key": "user"}
    with pytest.raises(InputError, match=r"all 100 users are on the opt-out list .*all.csv"):
        save_audience(config(run, suppress=suppress), tmp_path / "runs")
    (tmp_path / "all.csv").write_text(everybody.replace("\n7\n", "\n"))
    with pytest.raises(InputError, match=r"`where` picks enough .*fewer than 20 .*all.csv"):
        save_audience(config(run, suppress=suppress), tmp_path / "runs")


def test_every_condition_is_asked_before_a_model(run, tmp_path):
    alike = {"recommender": str(tmp_path / "nowhere"), "users": 5}
    definitions = {
        "alike": Definition(where="true", lookalike=alike),
        "wrong": Definition(where="leves > .5"),
    }
    table = read_users({"leaves": str(run)})
    with pytest.raises(InputError, match="there is no column 'leves'"):
        pick(definitions, table, Suppressed(), 20)
