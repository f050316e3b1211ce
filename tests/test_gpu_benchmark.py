"""The benchmark for a GPU: packed, run in processes, resumed; at toy sizes on any machine."""

import importlib
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

BENCHMARK = Path(__file__).parents[1] / "scripts" / "benchmark"
KIT = BENCHMARK / "gpu"
MODULES = ("datasets", "operations", "origin", "rows", "run", "table", "top_operations", "worker")
# Stands for the program of a job: does what its kind says.
WORKER = """
import json, sys, time
kind = json.load(open(sys.argv[1]))["kind"]

def say(event, **further):
    print(json.dumps({"event": event, **further}), flush=True)

if kind == "dies":
    sys.exit("no such card")
if kind == "lacks":
    say("unavailable", why="torch is not installed")
    sys.exit()
if kind == "hangs":
    say("so_far", curve=[[1.0, 0.5]])
    time.sleep(60)
print("a library prints this")
say("ready")
sys.stdin.readline()
began = time.time()
time.sleep(0.3)
say("result", began=began, ended=time.time())
"""


@pytest.fixture
def kit(monkeypatch):
    """The kit's modules, and no others of the same names."""
    monkeypatch.syspath_prepend(str(BENCHMARK))
    monkeypatch.syspath_prepend(str(KIT))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def surroundings(kit, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    return kit.run.Surroundings(
        tmp_path, tmp_path / "scratch", time.monotonic() + 30, worker=worker, gpu=False
    )


def results_of(kit, file, **common):
    said = {"device": "card", "commit": "abc", "toy": False, "count": False} | common
    return kit.run.Results(file, said, file.with_suffix(".log"))


def jobs_of(kit, *kinds, limit=20.0):
    return tuple(
        kit.rows.Job("row", f"{i} {kind}", kind, {}, limit) for i, kind in enumerate(kinds)
    )


@pytest.mark.parametrize("together", [False, True])
def test_each_is_measured_alone_and_what_fails_is_named(kit, surroundings, tmp_path, together):
    results = results_of(kit, tmp_path / "results.jsonl")
    jobs = jobs_of(kit, "works", "dies", "lacks", "works")
    kit.run.measure(kit.rows.Phase(jobs, together), surroundings, results)
    lines = {line["contender"]: line for line in results.lines}
    first, last = lines["0 works"]["result"], lines["3 works"]["result"]
    assert first["ended"] <= last["began"]
    assert lines["1 dies"]["failed"] == "ended without a result: exit 1, no such card"
    assert lines["2 lacks"]["unavailable"] == "torch is not installed"
    assert lines["0 works"]["sharing"]["beside"] == 0
    assert lines["0 works"]["sharing"]["paused"] == int(together)
    written = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == results.lines
    assert "no such card" in (tmp_path / "results.log").read_text()


def test_accuracy_is_measured_side_by_side(kit, surroundings, tmp_path):
    results = results_of(kit, tmp_path / "results.jsonl")
    phase = kit.rows.Phase(jobs_of(kit, "works", "works"), together=True, timed=False)
    kit.run.measure(phase, surroundings, results)
    one, other = (line["result"] for line in results.lines)
    assert one["began"] < other["ended"] and other["began"] < one["ended"]
    assert [line["sharing"]["beside"] for line in results.lines] == [1, 1]


def test_what_takes_too_long_is_cut_off_with_what_it_knew(kit, surroundings, tmp_path):
    results = results_of(kit, tmp_path / "results.jsonl")
    phase = kit.rows.Phase(jobs_of(kit, "hangs", "works", limit=1.0))
    kit.run.measure(phase, surroundings, results)
    cut, well = results.lines
    assert cut["failed"] == "cut off for its limit of 1 s, while it warmed up"
    assert cut["so_far"] == {"curve": [[1.0, 0.5]]}
    assert "result" in well
    surroundings.deadline = time.monotonic() + kit.run.LEAST - 1
    kit.run.measure(phase, surroundings, results)
    assert [line["failed"] for line in results.lines[2:]] == [
        "not started: too little time was left"
    ] * 2


def test_those_that_are_warm_get_their_turn_before_the_deadline(
    kit, surroundings, tmp_path, monkeypatch
):
    monkeypatch.setattr(kit.run, "LEAST", 1.0)
    monkeypatch.setattr(kit.run, "TURN", 2.0)
    surroundings.deadline = time.monotonic() + 4
    results = results_of(kit, tmp_path / "results.jsonl")
    phase = kit.rows.Phase(jobs_of(kit, "hangs", "works"), together=True)
    kit.run.measure(phase, surroundings, results)
    lines = {line["contender"]: line for line in results.lines}
    assert "result" in lines["1 works"]
    assert lines["0 hangs"]["failed"].startswith("cut off for the turns of those that are warm")


def test_a_run_goes_on_where_one_ended(kit, surroundings, tmp_path):
    file = tmp_path / "results.jsonl"
    phase = kit.rows.Phase(jobs_of(kit, "works", "dies", "lacks"))
    kinds = {"works", "dies", "lacks"}
    kit.run.measure(phase, surroundings, results_of(kit, file))

    def left(**common):
        phases = kit.run.left_to_do([phase], [], kinds, False, results_of(kit, file, **common))
        return [job.contender for phase in phases for job in phase.jobs]

    assert left() == ["1 dies"]
    assert left(commit="other") == left(device="other") == ["0 works", "1 dies", "2 lacks"]
    assert not kit.run.left_to_do([phase], ["other row"], kinds, False, results_of(kit, file))
    # A failure after a result does not hide it.
    worse = json.loads(file.read_text().splitlines()[0])
    del worse["result"]
    with file.open("a") as lines:
        lines.write(json.dumps(worse | {"failed": "of late"}) + "\n")
    now = {line["contender"]: line for line in results_of(kit, file).of_now()}
    assert "result" in now["0 works"] and "failed" in now["1 dies"]
    file.write_text('{"row": "torn')
    with pytest.raises(SystemExit, match="line 1 is not JSON"):
        results_of(kit, file)


def test_a_job_that_reads_what_another_leaves_takes_it_along(kit, surroundings, tmp_path):
    cold, warm = (kit.rows.Job("row", each, "works", {}, cache=each) for each in ("new", "left"))
    results = results_of(kit, tmp_path / "results.jsonl")
    results.write(cold, {"result": {}})
    (phase,) = kit.run.left_to_do([kit.rows.Phase((cold, warm))], [], {"works"}, False, results)
    assert phase.jobs == (cold, warm)
    kit.run.measure(kit.rows.Phase((warm,)), surroundings, results)
    assert results.lines[-1]["failed"] == "not started: no job before it left compiled programs"


def test_every_job_has_a_kind_a_name_of_its_own_and_a_toy(kit):
    names = [(job.row, job.contender) for job in kit.rows.JOBS]
    assert len(set(names)) == len(names)
    for job in kit.rows.JOBS:
        assert job.kind in kit.worker.KINDS
        toy = job.toy()
        assert toy.digest != job.digest
        if "model" in toy.settings:
            assert toy.settings["model"]["dim"] == 16
            assert toy.settings["data"] == kit.rows.TOY_DATA
    # All of the large models are of events of about one number a step.
    for positions, batch in kit.rows.LARGE_BATCHES.items():
        assert 6000 < positions * batch < 9000


def test_operations_by_hand(kit):
    def operations(encoder, dim=4, outputs=10, context=3.0):
        model = {"dim": dim, "query": {"encoder": encoder}}
        return kit.operations.per_event(model, outputs, context)

    softmax = 6 * 4 * 10
    block = {"kind": "attention", "blocks": 2, "feed_forward": 1}
    attention = 12 * 4 * 3
    assert operations(block | {"block": "sasrec"}) == 2 * (6 * 6 * 16 + attention) + softmax
    assert operations(block | {"block": "ligr"}) == 2 * (6 * 9 * 16 + attention) + softmax
    assert operations(block | {"block": "hstu"}) == 2 * (6 * 5 * 16 + attention) + softmax
    # Four gates of 5 units read 4 inputs and the state; then 5 to 4.
    assert operations({"kind": "lstm", "units": 5}) == 6 * (4 * 45 + 20) + softmax
    assert operations({"kind": "gru", "units": 5}) == 6 * (3 * 45 + 20) + softmax
    # 1; 1, 2, 3, 4: eleven, of five positions.
    assert kit.operations.mean_context(np.array([1, 4])) == 11 / 5


def test_a_generated_dataset_is_read_as_one_that_was_prepared(kit, tmp_path):
    data = {"users": 7, "items": 11, "per_user": 5}
    dataset = kit.datasets.dataset_of(data, tmp_path, tmp_path / "scratch")
    assert (dataset.users, dataset.items, dataset.events) == (7, 11, 35)
    assert dataset.item_counts.sum(axis=0).tolist() == [21, 7, 7]
    assert (dataset.item_counts[:, 0] > 0).all()
    begins, ends = kit.datasets.training_sequences(dataset, 2)
    # Three training events a user, at most three in a sequence.
    assert (ends - begins).tolist() == [3] * 7
    again = kit.datasets.dataset_of(data, tmp_path, tmp_path / "scratch")
    assert again.path == dataset.path
    with pytest.raises(ValueError, match="21 training events cannot hold each of 30 items"):
        kit.datasets.generate(tmp_path, users=7, items=30, per_user=5)


def test_what_takes_longest_of_a_trace(kit):
    def event(name, microseconds, **stats):
        return SimpleNamespace(name=name, duration_ns=1e3 * microseconds, stats=stats.items())

    def plane(name, **lines):
        found = [SimpleNamespace(name=each, events=events) for each, events in lines.items()]
        return SimpleNamespace(name=name, lines=found)

    kernels = [event("gemm", 30, hlo_op="dot.1"), event("gemm", 30, hlo_op="dot.1")]
    kernels += [event("copy", 40)]
    planes = [
        plane("/device:GPU:0", **{"Stream #1": kernels, "XLA Modules": [event("jit_step", 100)]}),
        plane("/host:CPU", python=[event("wait", 900, hlo_op="dot.1")]),
    ]
    assert kit.top_operations.top(planes) == [
        " 60.0%     0.060 ms      2 × dot.1 (gemm)",
        " 40.0%     0.040 ms      1 × copy",
    ]
    # Without a GPU, the operations of the host.
    assert kit.top_operations.top(planes[1:]) == ["100.0%     0.900 ms      1 × dot.1"]


def test_tables_by_hand(kit):
    common = {"count": False, "precision": "float32", "warm_seconds": 9.0, "steps_per_second": 1.0}
    ours = common | {
        "events_per_second": 2_000_000,
        "device_alone_events_per_second": 2_500_000,
        "waiting_share": 0.2,
        "operations_per_event": 10_000_000,
        "events_per_step": 4000,
        "xla_step_gb": 0.4,
        "device_alone_step_seconds": 0.002,
    }
    products = {
        "device": "card",
        "bfloat16_tflops": 200.0,
        "float32_tflops": 100.0,
        "memory_gb_per_second": 1000.0,
    }
    lines = [
        {"row": "products", "contender": "JAX", "count": False, "result": products},
        {"row": "a", "contender": "ours, float32", "count": False, "result": ours},
        {
            "row": "a",
            "contender": "PyTorch, float32",
            "count": False,
            "result": common | {"events_per_second": 500_000},
        },
        {"row": "b", "contender": "ours", "count": False, "failed": "no such card"},
    ]
    found = kit.table.table(lines)
    # 20 TFLOP/s of 100. A step is 0.4 ms of products and 0.4 ms of memory, and takes 2 ms.
    assert (
        "| a | ours, float32 | 2,000,000 | 2,500,000 | 20.0% |  | 20.00 | 20.0% | 20.0% | 9 |"
    ) in found
    assert "| a | PyTorch, float32 | 500,000 |  |  | 4.00 | 5.00 | 5.0% |  | 9 |" in found
    assert "| b | ours | no such card |" in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", "--results", "r.jsonl"), "no such row: nothing"),
        (("--results", "r.jsonl"), "there are no datasets here: pack them"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments, message, tmp_path):
    command = [sys.executable, str(KIT / "run.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.nightly
@pytest.mark.slow
def test_a_toy_run_from_end_to_end(tmp_path):
    """One of each kind; PyTorch may be missing, and is then named."""
    rows = ("products", "train-movielens-1m-attention", "gru-beauty-sampled", "ranking-gowalla")
    command = [sys.executable, str(KIT / "run.py"), *rows, "--toy", "--trace"]
    command += ["--results", "found/results.jsonl", "--scratch", "scratch"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (tmp_path / "found" / "results.jsonl").read_text().splitlines()
    found = {(each["row"], each["contender"]): each for each in map(json.loads, lines)}
    cold = found["train-movielens-1m-attention", "cold"]
    warm = found["train-movielens-1m-attention", "warm"]
    for line in (cold, warm):
        assert line["command"].endswith("--scratch scratch")
        assert line["toy"] and line["result"]["versions"]["jax"]
        assert 0 < line["result"]["seconds_to_first_epoch"] < line["result"]["seconds_to_test"]
        assert line["result"]["epochs"] == 2
    assert cold["result"]["test"] == warm["result"]["test"]
    assert cold["result"]["programs"]["training"]["compiled"] >= 1
    assert sum(part["compiled"] for part in warm["result"]["programs"].values()) == 0
    steps = found["gru-beauty-sampled", "ours, float32"]["result"]
    assert steps["events_per_second"] > 0 and steps["xla_step_gb"] > 0
    assert "×" in steps["trace"][0]
    # Every position of full sequences is predicted, so a program has few products more: those of
    # padding, and the softmax's of the targets.
    asked = steps["operations_per_event"] * steps["events_per_step"] / 1e9
    assert 0.9 * asked < steps["products_step_gflops"] < 1.6 * asked
    assert found["ranking-gowalla", "ours"]["result"]["users_per_second"] > 0
    torch = importlib.util.find_spec("torch") is not None
    peer = found["ranking-gowalla", "PyTorch"]
    assert peer.get("unavailable") == (None if torch else "torch is not installed")
    assert "| ranking-gowalla | ours |" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert again.returncode == 0 and "starts" not in again.stderr
