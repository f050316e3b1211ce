"""Slurm, with stand-ins that answer as it does (scripts/try_slurm.sh tries a real one)."""

import subprocess

import pytest

from recsys.errors import InputError
from recsys.launching import slurm
from recsys.launching.slurm import Jobs, SlurmConfig
from tests.commands import recsys
from tests.launching.conftest import calls, shop, stand_in

# Numbers jobs from 41 on, and keeps their scripts.
SBATCH = 'number=$((41 + $(ls "{folder}"/*.sbatch 2>/dev/null | wc -l)))\n'
SBATCH += 'cat >"{folder}/$number.sbatch"\necho "$number;cluster"\n'
# Answers with one block of lines a call, and then forgets the jobs.
SQUEUE = """
look=$(grep -c ^squeue "{folder}/calls.txt")
cat "{folder}/look$look" 2>/dev/null && exit
echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1
"""
QUICK = SlurmConfig(gpus=0, poll_seconds=0.01)


@pytest.fixture
def cluster(folder):
    stand_in(folder, "sbatch", SBATCH.format(folder=folder))
    stand_in(folder, "squeue", SQUEUE.format(folder=folder))
    stand_in(folder, "scancel", "")
    return folder


def looks(folder, *answers):
    for number, answer in enumerate(answers, 1):
        (folder / f"look{number}").write_text(answer)


def options(script):
    lines = [line.removeprefix("#SBATCH ") for line in script.splitlines()]
    return dict(line.partition("=")[::2] for line in lines if line.startswith("--"))


def test_the_array_waits_for_the_preparation(cluster):
    config = SlurmConfig(
        gpus=2, hours=1.5, at_once=2, partition="h100", prepare_partition="cpu",
        setup=["module load cuda"], options=["--constraint=a"],
    )  # fmt: skip
    jobs = slurm.submit(shop("training.seeds=[4, 5, 6]"), config)
    assert jobs == Jobs("41", "42")
    assert calls(cluster) == ["sbatch --parsable", "sbatch --parsable --dependency=afterok:41"]
    prepare, array = ((cluster / f"{job}.sbatch").read_text() for job in (41, 42))
    asked = options(array)
    assert (asked["--array"], asked["--gres"], asked["--time"]) == ("0-2%2", "gpu:2", "90")
    assert {"--requeue", "--kill-on-invalid-dep", "--constraint"} <= asked.keys()
    assert asked["--output"] == f"{cluster}/runs/shop/slurm-%A-%a.log"
    assert (asked["--partition"], options(prepare)["--partition"]) == ("h100", "cpu")
    assert not {"--gres", "--array", "--requeue"} & options(prepare).keys()
    assert array.index("module load cuda") < array.index("--require-gpu") < array.index("exec")
    assert (cluster / "runs" / "shop").is_dir()


def test_processes_are_tasks_of_srun(cluster):
    array = slurm.array_script(shop("training.seeds=[4]"), SlurmConfig(gpus=2, cpus=6, processes=4))
    asked = options(array)
    assert (asked["--ntasks"], asked["--gpus-per-task"], asked["--cpus-per-task"]) == tuple("426")
    assert "--gres" not in asked
    assert "exec srun --kill-on-bad-exit=1 --cpus-per-task=6 " in array
    assert "srun" not in slurm.array_script(shop(), SlurmConfig())


def test_a_task_trains_the_seed_of_its_place_and_keeps_its_log_private(folder, monkeypatch):
    program = stand_in(folder, "recsys", 'echo "$*"; exit 2')
    monkeypatch.setattr(slurm, "HERE", (str(program),))
    log = folder / "a.log"
    with log.open("w") as output:
        done = subprocess.run(
            ["bash"],
            input=slurm.array_script(shop("training.seeds=[4, 5]"), QUICK),
            **{"env": {"SLURM_ARRAY_TASK_ID": "1", "PATH": "/usr/bin:/bin"}, "text": True},
            stdout=output,
        )
    assert done.returncode == 2  # that of recsys
    assert log.read_text() == "run my shop.yaml training.seeds=[5] --runs-dir runs\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_an_array_that_is_refused_takes_the_preparation_back(cluster):
    stand_in(
        cluster,
        "sbatch",
        '[ $# = 1 ] && echo 41 || { echo "sbatch: error: Invalid array" >&2; exit 1; }',
    )
    with pytest.raises(InputError, match=r"sbatch refuses \(status 1\): sbatch: error: Invalid"):
        slurm.submit(shop(), QUICK)
    assert calls(cluster)[-1] == "scancel 41"


def test_a_cluster_that_refuses_is_one_message(cluster, monkeypatch):
    stand_in(cluster, "sbatch", "echo 'sbatch: error: invalid partition: h100' >&2; exit 1")
    status, printed, said = recsys("launch", "slurm", "my shop.yaml", "--partition=h100")
    assert (status, printed) == (2, "") and said == (
        "error: sbatch refuses (status 1): sbatch: error: invalid partition: h100\n"
    )
    assert not (cluster / "runs" / "shop").exists()
    (cluster / "bin" / "sbatch").unlink()
    monkeypatch.setenv("PATH", str(cluster / "bin"))  # whatever this machine has
    said = recsys("launch", "slurm", "my shop.yaml").stderr
    assert "sbatch is not installed here: launch from a machine that submits" in said


def test_seeds_are_followed_until_the_last_has_ended(cluster):
    looks(
        cluster,
        "41|N/A|RUNNING\n42|0|PENDING\n42|1|PENDING\n",
        "41|N/A|COMPLETED\n42|0|RUNNING\n42|1|RUNNING\n",
        "42|0|REQUEUED\n42|1|TIMEOUT\n",
        "42|0|COMPLETED\n",  # the other is forgotten meanwhile
    )
    said = []
    work = shop("training.seeds=[7, 8]")
    outcomes = slurm.follow(work, Jobs("41", "42"), QUICK, said.append)
    assert [(each.seed, each.state, each.status) for each in outcomes] == [
        *((7, "done", 0), (8, "TIMEOUT", 1))
    ]
    assert outcomes[1].log == cluster / "runs" / "shop" / "slurm-42-1.log"
    assert said[:3] == ["preparation: RUNNING", "seed 7: PENDING", "seed 8: PENDING"]
    assert said[-3:] == ["seed 7: REQUEUED", "seed 8: TIMEOUT", "seed 7: COMPLETED"]


def test_a_preparation_that_fails_says_why(cluster):
    (cluster / "runs" / "shop").mkdir(parents=True)
    log = cluster / "runs" / "shop" / "slurm-prepare-41.log"
    log.write_text("reads\nerror: no file log.csv\n\n")
    looks(cluster, "41|N/A|FAILED\n42|0|CANCELLED\n")
    said = []
    (outcome,) = slurm.follow(shop(), Jobs("41", "42"), QUICK, said.append)
    assert said == ["preparation: FAILED: error: no file log.csv", "seed 1: CANCELLED"]
    assert (outcome.state, outcome.status) == ("CANCELLED", 1)


def test_jobs_that_slurm_has_forgotten_are_not_waited_for(cluster):
    looks(cluster, "42|0|RUNNING\n")
    (outcome,) = slurm.follow(shop(), Jobs("41", "42"), QUICK, lambda line: None)
    assert (outcome.state, outcome.status) == ("RUNNING", 1)


def test_a_controller_that_is_away_for_a_while_is_waited_for(cluster, monkeypatch):
    monkeypatch.setattr(slurm, "PATIENCE", 3)
    looks(cluster, "42|0|RUNNING\n")
    away = "[ $(grep -c ^squeue '{f}/calls.txt') = 4 ] && echo '42|0|COMPLETED' || exit 1"
    stand_in(cluster, "squeue", f"[ -f '{cluster}/up' ] || exit 1")
    with pytest.raises(InputError, match=r"squeue refuses .* The jobs go on: `squeue --jobs=41,42"):
        slurm.follow(shop(), Jobs("41", "42"), QUICK, lambda line: None)
    assert len(calls(cluster)) == 3
    stand_in(cluster, "squeue", away.format(f=cluster))
    (outcome,) = slurm.follow(shop(), Jobs("41", "42"), QUICK, lambda line: None)
    assert outcome.state == "done"


def test_the_command_says_how_to_look_or_waits(cluster):
    status, printed, said = recsys("launch", "slurm", "my shop.yaml", "--gpus=0")
    assert (status, printed) == (0, "")
    assert "look: squeue --jobs=41,42" in said and "end: scancel 41,42" in said
    looks(cluster, "42|0|FAILED\n")
    (cluster / "places.yaml").write_text("slurm: {poll_seconds: 0.01}\n")
    asked = ["launch", "slurm", "my shop.yaml", "--wait", "--settings", "places.yaml"]
    status, printed, _ = recsys(*asked)
    assert status == 1 and "FAILED" in printed


def test_a_dry_run_is_what_a_shell_submits(cluster):
    asked = ["launch", "slurm", "my shop.yaml", "training.seeds=[1,2]", "--gpus=0"]
    printed = recsys(*asked, "--dry-run").stdout
    assert calls(cluster) == []
    subprocess.run(["bash", "-euc", printed], check=True, stdout=subprocess.DEVNULL)
    dry = [(cluster / f"{job}.sbatch").read_text() for job in (41, 42)]
    assert calls(cluster)[1].startswith("sbatch --parsable --dependency=afterok:41")
    for job in (41, 42):
        (cluster / f"{job}.sbatch").unlink()
    recsys(*asked)
    assert dry == [(cluster / f"{job}.sbatch").read_text() for job in (41, 42)]
