"""Users known by pseudonyms: tables of people go on naming them by the log's ids."""

import json

import pandas as pd
import pytest

from recsys.errors import InputError
from recsys.experiment.file import validated
from recsys.marketing.audiences.audience import AudienceConfig, save_audience
from recsys.marketing.campaigns.outcomes import OutcomesConfig, measure_campaign
from recsys.marketing.measurement import permutation
from recsys.marketing.propensity.labelled_table import LabelledTableConfig, read_labelled
from recsys.marketing.realtime.stream import open_stream
from recsys.marketing.sentiment.reviews import ReviewsConfig, read_reviews
from recsys.protection.encryption import Encryption, encryption_in, read_frame, write_frame
from recsys.protection.keys import Key
from recsys.protection.pseudonyms import Pseudonyms
from recsys.runs.folder import RunFolder
from tests.marketing.campaigns.plain import assigned, build, counts, users, write_prediction
from tests.marketing.realtime.streams import config, write_stream

SECRET, OTHER = "5c" * 32, "9d" * 32
PROTECTION = {"pseudonyms": {"key": "users"}}
IDS = [f"user-{user:04}" for user in range(200)]


def of(secret):
    return Pseudonyms(Key("users", secret.encode()))


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("RECSYS_KEY_USERS", SECRET)
    return of(SECRET)


def predict(folder, pseudonyms):
    """A prediction about users who are known by pseudonyms."""
    write_prediction(folder, [pseudonyms.of(user) for user in IDS])
    RunFolder(folder).write_metrics({"pseudonyms": pseudonyms.as_document()})


@pytest.fixture
def prediction(tmp_path, key):
    predict(tmp_path / "buys", key)
    return tmp_path / "buys"


def write(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def test_an_opt_out_list_has_ids_of_the_log(tmp_path, key, prediction):
    document = {"name": "all", "runs": {"buys": str(prediction)}, "where": "true"}
    document["suppress"] = {"path": write(tmp_path / "no.csv", user=IDS[:3]), "key": "user"}
    folder = save_audience(validated(AudienceConfig, document, "all.yaml"), tmp_path / "runs")
    assert json.loads((folder / "audience.json").read_text())["opted_out"] == 3
    members = set(pd.read_parquet(folder / "members.parquet")["user"])
    assert members == {key.of(user) for user in IDS[3:]}


def test_a_campaign_reads_tables_of_the_logs_ids(tmp_path, key, prediction):
    mail = write(tmp_path / "mail.csv", id=IDS, mail=[f"{user}@example.org" for user in IDS])
    no = write(tmp_path / "no.csv", mail=[f"{IDS[0].upper()}@example.org"])
    sent = write(tmp_path / "sent.csv", id=IDS[1:3], day="2026-02-27", channel="email")
    silent = write(tmp_path / "out.csv", id=IDS[3:6], day="2026-02-27", end="2026-03-30")
    channel = {"kind": "email", "subject": "Hello"}
    folder = build(
        tmp_path,
        "spring",
        "2026-03-01",
        contacts={"path": mail, "key": "id", "email": "mail"},
        suppress={"path": no, "email": "mail"},
        sent={"path": sent, "user": "id", "time": "day", "channel": "channel"},
        caps={"all": {"messages": 1, "days": 7}},
        holdouts={"path": silent, "user": "id", "time": "day", "until": "end"},
        campaigns=[{"name": "hello", "audience": "all", "priority": 1, "channel": channel}],
    )
    assert users(folder) == {key.of(user) for user in IDS[6:]}
    (campaign,) = counts(folder)["campaigns"]
    assert campaign["left_out"] == {"addressed too often": 2, "held out of another campaign": 3}
    assert counts(folder)["pseudonyms"] == key.as_document()
    file = pd.read_csv(folder / campaign["file"])
    of_mail = {key.of(user): f"{user}@example.org" for user in IDS}
    assert [of_mail[user] for user in file["user"]] == file["email"].tolist()


def test_outcomes_have_ids_of_the_log(tmp_path, key, prediction, monkeypatch):
    monkeypatch.setattr(permutation, "PERMUTATIONS", 19)
    folder = build(tmp_path, "spring", "2026-03-01", holdout=0.5)
    orders = write(tmp_path / "orders.csv", user=IDS[:20], time="2026-03-02")
    path = measure_campaign(folder, OutcomesConfig(path=orders))
    assert "20 of 20 outcomes in the days" in json.loads(path.read_text())["notes"][0]
    monkeypatch.setenv("RECSYS_KEY_USERS", OTHER)
    with pytest.raises(InputError, match=r"another key .* than the one with which the campaign"):
        measure_campaign(folder, OutcomesConfig(path=orders))


def test_what_is_made_of_encrypted_predictions_is_encrypted(tmp_path, key, monkeypatch):
    monkeypatch.setattr(permutation, "PERMUTATIONS", 19)
    monkeypatch.setenv("RECSYS_KEY_DISK", OTHER)
    encryption = Encryption(Key("disk", OTHER.encode()))
    table = write_prediction(tmp_path / "buys", [key.of(user) for user in IDS]) / "users.parquet"
    write_frame(read_frame(table), table, encryption)
    RunFolder(table.parent).write_metrics({"pseudonyms": key.as_document()})
    folder = build(tmp_path, "spring", "2026-03-01", holdout=0.5)
    for name in ("assignments", "messages", "left_out"):
        assert encryption_in(folder / f"{name}.parquet") == encryption
    assert pd.read_csv(folder / "push-hello.csv")["user"].isin(map(key.of, IDS)).all()
    orders = write(tmp_path / "orders.csv", user=IDS[:20], time="2026-03-02")
    path = measure_campaign(folder, OutcomesConfig(path=orders))
    assert "20 of 20 outcomes in the days" in json.loads(path.read_text())["notes"][0]
    # A later campaign reads what was sent.
    build(tmp_path, "summer", "2026-03-03", caps={"all": {"messages": 1, "days": 7}})
    document = {"name": "all", "runs": {"buys": str(table.parent)}, "where": "true"}
    audience = save_audience(validated(AudienceConfig, document, "a.yaml"), tmp_path / "runs")
    assert encryption_in(audience / "members.parquet") == encryption


def test_campaigns_before_another_key_are_not_overlooked(tmp_path, key, prediction, monkeypatch):
    before = build(tmp_path, "winter", "2026-02-20")
    assert len(assigned(before)) == 200
    monkeypatch.setenv("RECSYS_KEY_USERS", OTHER)
    predict(tmp_path / "buys", of(OTHER))
    with pytest.raises(InputError, match=r"winter/1 knows users by pseudonyms .*Move its folder"):
        build(tmp_path, "spring", "2026-03-01")


def test_a_stream_is_of_pseudonyms(tmp_path, key):
    path = write_stream(tmp_path / "stream.csv", [("ann", "x", 0, "view"), ("bob", "y", 1, "view")])
    with open_stream(config(path), key) as stream:
        assert [event.user for event in stream] == [key.of("ann"), key.of("bob")]


def test_labelled_tables_and_reviews(tmp_path, key):
    table = write(tmp_path / "table.csv", id=IDS, spends=range(200), leaves=["yes", "no"] * 100)
    settings = {"path": table, "key": "id", "label": "leaves", "protection": PROTECTION}
    labelled = read_labelled(LabelledTableConfig.model_validate(settings))
    assert labelled.ids.tolist() == [key.of(user) for user in IDS]
    columns = {name: name for name in ("user", "item", "text", "stars", "time")}
    reviews = write(
        tmp_path / "reviews.csv", user=["ann", "bob"], item="x", text=["good", ""], stars=5,
        time="2026-03-01",
    )  # fmt: skip
    with open(reviews, "a") as file:
        file.write("ann,x,broken\n")
    settings = {"path": reviews, "columns": columns, "protection": PROTECTION}
    found = read_reviews(ReviewsConfig.model_validate({**settings, "max_quarantined": 1.0}))
    assert found.table["user"].tolist() == [key.of("ann")]
    assert found.quarantined["user"].tolist()[0] == key.of("bob")
    assert not found.quarantined["raw"].notna().any()
