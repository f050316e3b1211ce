"""`recsys init`: the default that suits a log, unchanged."""

import json
import shlex
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from recsys.data.prepare.prepare import prepare
from recsys.errors import InputError
from recsys.experiment.schema import load_experiment
from recsys.experiment.template import DEFAULTS, write_template

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def log(events: int, times: int, items: int = 7, timed: bool = True) -> str:
    """A log of ten users, each with so many events at so many times, a day apart."""
    lines = ["user,item,time" if timed else "user,item"]
    for user in range(10):
        for event in range(events):
            time = f",{1_000_000_000 + event % times * 86_400}" if timed else ""
            lines.append(f"u{user},i{(user + event) % items}{time}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "text, default",
    [
        (log(events=6, times=6), "sparse"),
        (log(events=40, times=40), "dense"),
        # Four baskets of ten items, all bought before; five of two, each bought once.
        (log(events=40, times=4), "baskets"),
        (log(events=10, times=5, items=10), "sparse"),
        # One at a time, again and again.
        (log(events=10, times=10, items=2), "sparse"),
        (log(events=40, times=40, timed=False), "unordered"),
    ],
)
def test_the_default_follows_from_the_log(tmp_path, text, default):
    (tmp_path / "log.csv").write_text(text)
    write_template(str(tmp_path / "log.csv"), tmp_path / "experiment.yaml")
    written = yaml.safe_load((tmp_path / "experiment.yaml").read_text())
    sections = yaml.safe_load((DEFAULTS / f"{default}.yaml").read_text())
    assert {name: written[name] for name in ("model", "training")} == sections
    assert load_experiment(tmp_path / "experiment.yaml").model.dim == sections["model"]["dim"]


def test_a_log_that_is_split_already_needs_no_order(tmp_path):
    lines = [
        f"u{user},i{item},{'test' if item == 3 else 'train'}"
        for user in range(9)
        for item in range(4)
    ]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,split", *lines]))
    write_template(str(tmp_path / "log.csv"), tmp_path / "experiment.yaml")
    text = (tmp_path / "experiment.yaml").read_text()
    assert "split: {kind: fixed}" in text and "Neither time nor order" not in text


USERS = [f"u{n // 8}" for n in range(64)]
ITEMS = [f"i{n % 7}" for n in range(64)]
TIMES = [1_600_000_000 + 90_000 * n for n in range(64)]


def csv(header: str, *columns: list, delimiter: str = ",") -> str:
    lines = [delimiter.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([header, *lines]) + "\n"


def written_as(format: str) -> list[str]:
    return [datetime.fromtimestamp(time, UTC).strftime(format) for time in TIMES]


RECORDS = [
    {"user": {"id": user}, "event": {"item": {"id": item}, "kind": "view"}, "ts": time}
    for user, item, time in zip(USERS, ITEMS, TIMES, strict=True)
]
# The log, what the file must say, and what is prepared by it.
LOGS: dict[str, tuple[str | bytes, dict]] = {
    "购物 日志.csv": (
        csv("用户,商品,行为,时间", USERS, ITEMS, ["浏览", "购买"] * 32,
            written_as("%Y年%m月%d日 %H:%M:%S")).encode("gb18030"),
        {"data.log.encoding": "gb18030", "data.log.time_format": "%Y年%m月%d日 %H:%M:%S",
         "data.log.event_weights": {"购买": 3.0, "浏览": 1.0}, "data.split": {"kind": "time"}},
    ),
    "instacart.csv": (
        csv("order_id,user_id,order_number,product_id", [n // 2 for n in range(64)], USERS,
            [n % 8 // 2 + 1 for n in range(64)], [f"p{n % 2 + n // 8}" for n in range(64)]),
        {"data.log.columns.order": "order_number", "data.log.columns.session": "order_id",
         "data.split": {"kind": "leave_one_out"}, "seen": "allow"},
    ),
    "nested.jsonl": (
        "".join(json.dumps(record) + "\n" for record in RECORDS),
        {"data.log.columns.user": "user.id", "data.log.columns.item": "event.item.id"},
    ),
    "ratings.dat": (
        csv("1::2::3::1600000000", USERS, ITEMS, [n % 5 for n in range(64)], TIMES,
            delimiter="::"),
        {"data.log.columns.user": "column_1", "data.log.columns.time": "column_4"},
    ),
    "plays.tsv": (
        csv("user_name\tartist\ttrack\tplays", USERS, ["a"] * 64, ITEMS, range(64),
            delimiter="\t"),
        {"data.log.columns.item": "track", "data.split": {"kind": "random"}},
    ),
    "shop.csv": (
        csv("Kunde;Artikel;Datum;Menge;Preis", USERS, ITEMS, written_as("%d.%m.%Y %H:%M"),
            [n % 3 + 1 for n in range(64)], ["1.234,50"] * 64, delimiter=";"),
        {"data.log.decimal": ",", "data.log.thousands": ".", "data.log.columns.quantity": "Menge",
         "data.log.time_format": "%d.%m.%Y %H:%M"},
    ),
    "am or pm.csv": (
        csv("deviceid,song_id,listened_at", USERS, ITEMS, written_as("%m/%d/%Y %I:%M:%S %p")),
        {"data.log.time_format": "%m/%d/%Y %I:%M:%S %p", "name": "am-or-pm.csv"},
    ),
    "title.csv": (
        "Orders of 2020;;\n" + csv("user;item;time", USERS, ITEMS, TIMES, delimiter=";"),
        {"data.log.skip": 1, "data.log.columns.time": "time"},
    ),
    "mixed units.csv": (
        csv("user,item,time", USERS, ITEMS, [t * (1000 if t % 4 else 1) for t in
                                             (n + n // 3 for n in TIMES)]),
        {"data.split": {"kind": "random"}},
    ),
    "three days.csv": (
        csv("user,item,date", USERS, ITEMS, ["2020-01-01", "2020-01-02", "2020-01-03"] * 21
            + ["2020-01-03"]),
        {"data.split": {"kind": "time", "validation_from": "2020-01-02T00:00:00Z",
                        "test_from": "2020-01-03T00:00:00Z"}},
    ),
    'a"b\u2028c.csv': (
        csv("user,item,note\u2028name: evil,time", USERS, ITEMS, ["x"] * 64, TIMES),
        {"name": "a-b-c.csv", "data.log.columns.time": "time"},
    ),
}  # fmt: skip


def value_at(document: dict, key: str):
    for part in key.split("."):
        document = document[part]
    return document


@pytest.mark.parametrize("name", LOGS)
def test_what_is_written_can_be_prepared(tmp_path, name):
    content, settings = LOGS[name]
    path = tmp_path / "my logs" / name
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    output = tmp_path / f"{name}.yaml"
    written = write_template(str(path), output)
    assert shlex.split(written.next.split("then: ")[1]) == ["recsys", "run", str(output)]
    document = yaml.safe_load(output.read_text())
    assert {key: value_at(document, key) for key in settings} == settings
    dataset = prepare(load_experiment(output).data, tmp_path / "datasets")
    assert (dataset.users, dataset.items >= 7) == (8 + (name == "ratings.dat"), True)
    assert dataset.events >= 48
    assert all(f"# Check: {note}" in written.text for note in written.notes)


def test_a_decimal_of_a_warehouse_is_an_id(tmp_path):
    kind = pa.decimal128(38, 0)
    log = pa.table(
        {
            "USER_ID": pa.array([Decimal(10**17 + int(user[1:])) for user in USERS], kind),
            "ITEM_ID": pa.array([Decimal(int(item[1:])) for item in ITEMS], kind),
            "EVENT_TS": pa.array([datetime.fromtimestamp(time, UTC) for time in TIMES]),
        }
    )
    pq.write_table(log, tmp_path / "log.parquet")
    write_template(str(tmp_path / "log.parquet"), tmp_path / "experiment.yaml")
    experiment = load_experiment(tmp_path / "experiment.yaml")
    dataset = prepare(experiment.data, tmp_path / "datasets")
    assert dataset.user_ids[0] == str(10**17)
    assert experiment.evaluation.k == (1, 3) and experiment.evaluation.metric == "ndcg@3"


def test_what_nothing_tells_is_to_be_filled_in(tmp_path):
    (tmp_path / "log.csv").write_text(csv("who,what,time", USERS, ITEMS, TIMES))
    output = tmp_path / "experiment.yaml"
    written = write_template(str(tmp_path / "log.csv"), output)
    assert 'user: ""  # FILL IN, likely one of: who, what' in written.text
    assert "Fill in data.log.columns.user and data.log.columns.item" in written.next
    assert "--user COLUMN --item COLUMN" in written.next
    with pytest.raises(InputError) as refused:
        load_experiment(output)
    assert "data.log.columns.user: fill in the column with the user" in str(refused.value)
    assert "data.log.columns.item: fill in the column with the item" in str(refused.value)
    output.unlink()
    write_template(str(tmp_path / "log.csv"), output, {"user": "who", "item": "what"})
    assert prepare(load_experiment(output).data, tmp_path / "datasets").users == 8


@pytest.mark.parametrize(
    "log, default",
    [
        ("musical-instruments", "sparse"),
        ("online-retail", "baskets"),
        ("movielens-100k", "dense"),
    ],
)
def test_what_is_published_of_a_default_was_measured_with_it(log, default):
    experiment = yaml.safe_load((EXPERIMENTS / f"default-{log}.yaml").read_text())
    sections = yaml.safe_load((DEFAULTS / f"{default}.yaml").read_text())
    assert {name: experiment[name] for name in ("model", "training")} == sections
