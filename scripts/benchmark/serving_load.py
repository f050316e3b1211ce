#!/usr/bin/env python3
"""`recsys serve` under load: failed requests, latency, memory, while new versions are published.

    python scripts/benchmark/serving_load.py runs/NAME/SEED/model/1

Ten minutes of 32 clients that ask without a pause, by default, on one connection each; after a
third and after two thirds of the time a copy of the model is published as a new version. Clients
and server share the machine, so latency says what this machine gives, and no more. Exit status 1
if a request failed, a reload did not come, or memory grew by more than the limit.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_SECONDS = 120
SAMPLE_SECONDS = 0.5
# Of the time: what comes before is not counted as memory that a steady server has.
WARM_UP = 0.1
RELOADS = (1 / 3, 2 / 3)
MOST_GROWTH = 0.02
TIMEOUT_SECONDS = 30


@dataclass
class Outcome:
    """What the clients saw; each has its own, added up at the end."""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    process: psutil.Process
    address: str
    model: str
    log: Path


@contextlib.contextmanager
def started(versions: Path, log: Path) -> Iterator[Server]:
    """The server of a folder of versions, without a limit of rate."""
    options = ["--port", "0", "--rate", "none", "--poll-seconds", "1"]
    command = [sys.executable, "-m", "recsys", "serve", str(versions), *options]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    try:
        line = wait_for(log, " listening ", START_SECONDS)
        found = re.search(r"url=http://(\S+) model=(\S+)", line)
        assert found is not None
        yield Server(psutil.Process(process.pid), found[1], found[2], log)
    finally:
        process.terminate()
        process.wait()


def wait_for(log: Path, text: str, seconds: float) -> str:
    """The line of a log with a text."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for line in log.read_text().splitlines():
            if text in line:
                return line
        time.sleep(0.1)
    raise SystemExit(f"no {text!r} within {seconds:g} s in:\n{log.read_text()}")


def items_of(server: Server) -> list[str]:
    """Ids of some items, as a newcomer is recommended."""
    connection = http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)
    body = json.dumps({"signature_name": "serving_default", "inputs": {"history": [[""]]}})
    connection.request("POST", f"/v1/models/{server.model}:predict", body)
    answer = json.load(connection.getresponse())
    connection.close()
    if "error" in answer:
        raise SystemExit(f"this model needs more than a history: {answer['error']}")
    return [item for item in answer["outputs"]["item_id"][0] if item]


def ask(server: Server, items: list[str], events: int, until: float, seed: int) -> Outcome:
    """One client's requests until a time."""
    outcome, drawn = Outcome(), random.Random(seed)
    connection = http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)
    while time.monotonic() < until:
        history = drawn.choices(items, k=drawn.randint(1, events))
        body = json.dumps({"instances": [{"history": history}]})
        began = time.monotonic()
        try:
            connection.request("POST", f"/v1/models/{server.model}:predict", body)
            response = connection.getresponse()
            answer = json.loads(response.read())
            said = "200" if response.status == 200 and "predictions" in answer else "refused"
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = type(error).__name__
            connection.close()
        outcome.seconds.append(time.monotonic() - began)
        outcome.answers[said] += 1
    connection.close()
    return outcome


def watch_memory(process: psutil.Process, until: float, samples: list[tuple[float, int]]) -> None:
    """Resident bytes of the server, with their time."""
    while time.monotonic() < until:
        samples.append((time.monotonic(), process.memory_info().rss))
        time.sleep(SAMPLE_SECONDS)


def measure(model: Path, clients: int, seconds: float, events: int) -> bool:
    """Runs it and prints what it found; whether all held."""
    with tempfile.TemporaryDirectory() as scratch:
        versions, log = Path(scratch) / "model", Path(scratch) / "log"
        shutil.copytree(model, versions / "1")
        with started(versions, log) as server:
            return _measure(server, versions, clients, seconds, events)


def _measure(server: Server, versions: Path, clients: int, seconds: float, events: int) -> bool:
    items = items_of(server)
    began = time.monotonic()
    until = began + seconds
    outcomes: list[Outcome] = []
    samples: list[tuple[float, int]] = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(ask(server, items, events, until, n)))
        for n in range(clients)
    ]
    threads.append(threading.Thread(target=watch_memory, args=[server.process, until, samples]))
    for thread in threads:
        thread.start()
    for number, share in enumerate(RELOADS, start=2):
        time.sleep(max(0.0, began + share * seconds - time.monotonic()))
        # Copied beside it and renamed, as the export does.
        shutil.copytree(versions / "1", versions / "draft")
        (versions / "draft").rename(versions / str(number))
    for thread in threads:
        thread.join()
    said = server.log.read_text()
    reloads = len(re.findall(r"published newest=[23] before=", said))

    latencies = sorted(itertools.chain.from_iterable(each.seconds for each in outcomes))
    answers = sum((each.answers for each in outcomes), Counter())
    failed = answers.total() - answers["200"]
    before = [rss for at, rss in samples if WARM_UP < (at - began) / seconds < RELOADS[0]]
    after = [rss for at, rss in samples if (at - began) / seconds > 1 - WARM_UP]
    growth = statistics.median(after) / statistics.median(before) - 1
    print(f"{clients} clients, {seconds:g} s, {os.cpu_count()} cores, {os.cpu_count()} workers")
    print(f"requests {answers.total():,} ({answers.total() / seconds:,.0f}/s), failed {failed}")
    if failed:
        print(f"answers {dict(answers)}")
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("most", 1.0)):
        place = min(len(latencies) - 1, int(share * len(latencies)))
        print(f"latency {name} {1000 * latencies[place]:.1f} ms")
    print(f"reloads {reloads} of {len(RELOADS)}")
    print(
        f"memory {statistics.median(before) / 2**20:,.0f} MiB before the first reload, "
        f"{statistics.median(after) / 2**20:,.0f} MiB at the end ({growth:+.1%}), "
        f"at most {max(rss for _, rss in samples) / 2**20:,.0f} MiB"
    )
    return not failed and reloads == len(RELOADS) and growth <= MOST_GROWTH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of a version, such as .../model/1")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--events", type=int, default=50, help="of a history, at most")
    given = parser.parse_args()
    if not (given.model / "saved_model.pb").is_file():
        parser.error(f"{given.model} is not the folder of a version")
    return 0 if measure(given.model, given.clients, given.seconds, given.events) else 1


if __name__ == "__main__":
    sys.exit(main())
