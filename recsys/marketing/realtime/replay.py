"""Replays a log as a stream: triggers fire, the exported model answers, all of it is timed."""

import time
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recsys.data.prepare.splits import iso
from recsys.data.sources.engine import blaming_input
from recsys.errors import InputError
from recsys.export.recommend import Recommendation, Recommender
from recsys.marketing.audiences.suppression import (
    Suppressed,
    read_suppressed,
    suppression_contacts,
)
from recsys.marketing.formats import with_format
from recsys.marketing.realtime.answers import Answers, known_items, window_of
from recsys.marketing.realtime.config import ReplayConfig
from recsys.marketing.realtime.state import Users
from recsys.marketing.realtime.stream import Event, Stream, open_stream
from recsys.marketing.realtime.triggers import Firing, Triggers
from recsys.marketing.users.segments import Thresholds
from recsys.protection.encryption import encryption_of, table_writer, write_frame
from recsys.protection.forgotten import forgotten_users
from recsys.protection.personal_files import close_to_others
from recsys.protection.pseudonyms import pseudonyms_of, stored_id
from recsys.runs.console import working
from recsys.runs.folder import RunFolder
from recsys.runs.opening import open_run
from recsys.system.files import whole_folder
from recsys.system.manifests import write_folder_manifest

# In the runs folder, all replays lie in this one.
FOLDER = "replays"
ACTIONS, LEFT_OUT, SUMMARY = "actions.parquet", "left_out.parquet", "replay.json"
SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("trigger", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("row", pa.int64()),  # of the event that caused it, from 1; null: time did
        ("event", pa.string()),
        ("item", pa.string()),  # left in the cart
        ("segment_before", pa.string()),
        ("segment_after", pa.string()),
        ("items", pa.list_(pa.string())),
        ("titles", pa.list_(pa.string())),
    ]
)
WRITTEN_AT_ONCE = 8192
TOLD_EVERY = 1000


def replay(config: ReplayConfig, runs_dir: Path) -> Path:
    """Goes through a stream event by event, as if it happened now.

    Leaves ``<runs-dir>/replays/<name>/``, in whole or not at all, in the place of an earlier
    replay of that name: ``actions.parquet`` (a row per trigger that fired, see
    :data:`SCHEMA`), ``left_out.parquet`` (rows that are not events, if there are any),
    ``replay.json`` (counts, and latency in milliseconds) and ``manifest.json`` (digests of these).

    Args:
        config: what is replayed, and what acts on it.
        runs_dir: where runs lie.

    Returns:
        The folder.

    Raises:
        InputError: see :func:`recsys.marketing.realtime.stream.open_stream`; or a run lacks its
            segments or its exported model, or nothing happens in the time of the replay.
    """
    recommender = Recommender(open_run(config.recommender).model_version())
    thresholds = None if config.users is None else _thresholds(config.users, config)
    final = runs_dir / FOLDER / config.name
    document = recommender.manifest["data"].get("pseudonyms")
    encryption = encryption_of(recommender.manifest["data"].get("encryption"), "the model")
    pseudonyms = pseudonyms_of(document, f"the model of {config.recommender}")
    with (
        blaming_input(str(final)),
        open_stream(config, pseudonyms, forgotten_users(runs_dir)) as stream,
        whole_folder(final, replaces=True) as folder,
        working("replaying") as tell,
    ):
        suppressed = Suppressed()
        if config.suppress is not None:
            known = frozenset(stream.users())
            stored = stored_id(document, known, f"the model of {config.recommender}")
            contacts = suppression_contacts(config.suppress, config.contacts, known, stored)
            suppressed = read_suppressed(config.suppress, known, contacts, stored)
        out = suppressed.of(config.channel)
        run = _Replay(config, stream, recommender, thresholds, out)
        with table_writer(folder / ACTIONS, SCHEMA, encryption) as writer:
            for number, event in enumerate(stream):
                if number % TOLD_EVERY == 0:
                    tell(iso(event.time), number / stream.events)
                run.take(event)
                run.write(writer, WRITTEN_AT_ONCE)
            run.end()
            run.write(writer, 1)
        left_out = stream.left_out
        if not left_out.empty:
            rest = left_out[~left_out["user"].isin(out)]
            write_frame(rest, folder / LEFT_OUT, encryption)
        document = run.document() | suppressed.counts
        RunFolder.write_json(folder / SUMMARY, with_format(document))
        write_folder_manifest(folder, "manifest.json", {})
        close_to_others(folder)
    return final


class _Replay:
    """One pass over a stream, and what it found."""

    def __init__(
        self,
        config: ReplayConfig,
        stream: Stream,
        recommender: Recommender,
        thresholds: Thresholds | None,
        out: frozenset[str],
    ) -> None:
        self._out = out
        self._config = config
        self._stream = stream
        self._recommender = recommender
        self._window = window_of(recommender)
        known = None if self._window is None else known_items(recommender, stream.items)
        by_session = config.stream.columns.session is not None
        self._users = Users(by_session, thresholds, self._window, known)
        self._thresholds = thresholds
        self._triggers = Triggers(config.triggers, self._users, config.begins)
        self._answers = Answers(recommender, self._users, config.items)
        self._first_answer = self._answers.warm_up(stream.items[0] if stream.items else "")
        self._rows: list[dict[str, Any]] = []
        self._fired: Counter[str] = Counter({each.name: 0 for each in config.triggers})
        self._opted_out: Counter[str] = Counter()
        self._event_seconds = array("d")
        self._replay_seconds = 0.0
        self._first, self._last = 0, 0  # times of the events replayed

    def take(self, event: Event) -> None:
        """Lets time pass up to an event, and the event happen."""
        began = time.perf_counter()
        for firing in self._triggers.passed(event.time):
            self._act(firing)
        arrived = time.perf_counter()
        for firing in self._triggers.seen(event):
            self._act(firing)
        done = time.perf_counter()
        if self._config.begins is None or event.time >= self._config.begins:
            if not self._event_seconds:
                self._first = event.time
            self._last = event.time
            self._event_seconds.append(done - arrived)
            self._replay_seconds += done - began

    def end(self) -> None:
        """Lets time pass up to the end.

        Raises:
            InputError: nothing happened.
        """
        if not self._event_seconds:
            raise InputError(
                f"{self._stream.where} has no events in the time of the replay: check `from` and "
                "`until`"
            )
        if self._config.ends is not None:
            for firing in self._triggers.passed(self._config.ends - 1):
                self._act(firing)

    def _act(self, firing: Firing) -> None:
        if firing.user in self._out:
            self._opted_out[firing.trigger] += 1
            return
        answer = self._answers.ask(firing.user)
        self._fired[firing.trigger] += 1
        self._rows.append(_row(firing, answer))

    def write(self, writer: pq.ParquetWriter, at_least: int) -> None:
        """Writes the actions down once there are enough of them."""
        if len(self._rows) >= at_least:
            writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows.clear()

    def document(self) -> dict[str, Any]:
        """``replay.json``."""
        model = self._recommender.manifest["model"]
        events, left_out = len(self._event_seconds), self._stream.left_out["reason"]
        return {
            "name": self._config.name,
            "stream": {
                "events": events,
                "events_before": self._stream.events - events,
                "users": len(self._users),
                "first": iso(self._first),
                "last": iso(self._last),
                "left_out": {str(why): int(n) for why, n in left_out.value_counts().items()},
            },
            "actions": dict(self._fired),
            "held_back": {name: self._triggers.held_back[name] for name in self._fired},
            "opted_out": {name: self._opted_out[name] for name in self._fired},
            "latency_ms": {
                "first_answer": 1000 * self._first_answer,
                "answer": _milliseconds(self._answers.seconds),
                "event": _milliseconds(self._event_seconds),
            },
            "events_per_second": events / self._replay_seconds,
            "model": {
                "folder": str(self._recommender.folder),
                "fingerprint": self._recommender.manifest["data"]["fingerprint"],
                "seen": model["seen"],
                "history": "whole" if self._window is None else f"last {self._window} known items",
            },
            "thresholds": None if self._thresholds is None else vars(self._thresholds),
            "settings": self._config.model_dump(mode="json", by_alias=True),
        }


def _row(firing: Firing, answer: list[Recommendation]) -> dict[str, Any]:
    return {
        "user": firing.user,
        "trigger": firing.trigger,
        "time": firing.time,
        "row": None if firing.event is None else firing.event.row,
        "event": None if firing.event is None else firing.event.type,
        "item": firing.item,
        "segment_before": firing.before,
        "segment_after": firing.after,
        "items": [each.item_id for each in answer],
        "titles": [each.title for each in answer],
    }


def _milliseconds(seconds: array) -> dict[str, float] | None:
    if not seconds:
        return None
    middle, high = np.percentile(seconds, (50, 99))
    return {
        "count": len(seconds),
        "p50": 1000 * float(middle),
        "p99": 1000 * float(high),
        "max": 1000 * max(seconds),
    }


def _thresholds(run: Path, config: ReplayConfig) -> Thresholds:
    """Where the segments of a run end.

    Raises:
        InputError: there are none, or occasions are counted otherwise than in the stream.
    """
    folder = open_run(run)
    metrics = folder.read_metrics() if folder.metrics.is_file() else {}
    found = (metrics.get("segments") or {}).get("thresholds")
    if found is None:
        raise InputError(
            f"{run} has no segments: name in `users` a finished run of `task: propensity` on a log "
            "whose users come back"
        )
    experiment = folder.files.read(folder.experiment, ["data"])
    theirs = experiment["data"]["log"]["columns"]["session"]
    ours = config.stream.columns.session
    if (theirs is None) != (ours is None):
        told = "no column" if theirs is None else repr(theirs)
        raise InputError(
            f"{run} maps {told} as the session, the stream {ours!r}: what counts as a visit would "
            "differ, and so would segments. Map stream.columns.session likewise."
        )
    return Thresholds(**found)
