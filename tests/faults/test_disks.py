"""A full disk and a folder that cannot be written: one message, and nothing is lost."""

import pytest

from tests.faults.results import trained
from tests.processes import OWN_EXPORTS, run_python

pytestmark = pytest.mark.slow
UNTRACKED = "tracking.enabled=false"
# Mounts a small disk that this process alone sees, and runs on it with less room than is needed:
# first for the dataset, then for the checkpoints, then none is lacking.
PROGRAM = """
import ctypes, os, subprocess, sys
from pathlib import Path

from tests.commands import recsys

libc = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000
identity = f"0 {os.getuid()} 1"
if libc.unshare(NEW_MOUNTS):
    if libc.unshare(NEW_MOUNTS | NEW_USER):
        sys.exit(77)
    Path("/proc/self/uid_map").write_text(identity)
disk, whole = Path("disk"), Path(sys.argv[1])
disk.mkdir()
private = subprocess.run(["mount", "--make-rprivate", "/"])
if private.returncode or subprocess.run(["mount", "-t", "tmpfs", "none", disk]).returncode:
    sys.exit(77)

def used(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())

def limit(size):
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)

dataset = used(whole / "datasets")
checkpoints = used(whole / "faulty" / "1" / "checkpoints" / "train")
command = ("train", "faulty.yaml", "tracking.enabled=false", "--runs-dir", "disk")
for size in (dataset // 2, dataset + checkpoints // 2):
    limit(size)
    done = recsys(*command)
    assert done.returncode == 2, (size, done)
    assert "the disk is full" in done.stderr and "Traceback" not in done.stderr, done.stderr
    print(size, done.stderr.splitlines()[-1])
limit(2**28)
done = recsys(*command)
assert done.returncode == 0, done.stderr
subprocess.run(["cp", "-r", *disk.iterdir(), "runs"], check=True)
"""


@pytest.mark.nightly
def test_a_full_disk_is_one_message_and_the_run_goes_on_when_there_is_room(undisturbed, fresh):
    whole, _ = undisturbed()
    work = fresh()
    command = ("-c", PROGRAM, str(whole.runs))
    done = run_python(work.backend, *command, cwd=work.path, **{OWN_EXPORTS: "1"})
    if done.returncode == 77:
        pytest.skip("a disk of its own cannot be mounted here")
    assert done.returncode == 0, done.stderr[-3000:]
    assert trained(work) == trained(whole)


@pytest.mark.parametrize("folder, stage", [("runs", 1), ("runs/faulty/1/checkpoints/train", 3)])
def test_a_folder_that_cannot_be_written_is_named(undisturbed, fresh, folder, stage):
    whole, _ = undisturbed()
    work = fresh()
    path = work.path / folder
    fault = {"denied": str(path), "stage": stage}
    done = work.recsys(fault, "train", UNTRACKED)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert f"{folder}/" in done.stderr and "Permission denied" in done.stderr
    path.chmod(0o755)
    work.ends("train", UNTRACKED)
    assert trained(work) == trained(whole)
