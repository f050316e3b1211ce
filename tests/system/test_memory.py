"""Free memory as the kernel's files tell it, of machines and of containers made up here."""

import ctypes
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from recsys.system.memory import MainMemory, main_memory, return_freed

GB = 10**9
# As Docker, Kubernetes and Slurm have them; fields as in proc_pid_mountinfo(5).
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
OTHERS = (
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup c rw,cpu\n"
)
UNLIMITED_V1 = 9223372036854771712


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """100 GB, of which 60 are free."""
    memory = SimpleNamespace(total=100 * GB, available=60 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def group(root: Path, path: str, limit: int | str, used: int, high="max", **statistics) -> None:
    """A control group of version 2."""
    lines = {"anon": used, "inactive_file": 0, "active_file": 0, **statistics}
    folder = f"sys/fs/cgroup/{path}".rstrip("/")
    write(
        root,
        {
            f"{folder}/memory.max": f"{limit}\n",
            f"{folder}/memory.high": f"{high}\n",
            f"{folder}/memory.current": f"{used}\n",
            f"{folder}/memory.stat": "".join(f"{key} {n}\n" for key, n in lines.items()),
        },
    )


def old_group(root: Path, path: str, limit: int, used: int, **statistics) -> None:
    """A control group of version 1."""
    folder = f"sys/fs/cgroup/memory/{path}".rstrip("/")
    write(
        root,
        {
            f"{folder}/memory.limit_in_bytes": f"{limit}\n",
            f"{folder}/memory.usage_in_bytes": f"{used}\n",
            f"{folder}/memory.stat": "".join(f"{key} {n}\n" for key, n in statistics.items()),
        },
    )


def process(root: Path, groups: str, mounts: str) -> None:
    write(root, {"proc/self/cgroup": groups, "proc/self/mountinfo": OTHERS + mounts})


def test_without_control_groups_the_machine_is_what_counts(tmp_path):
    assert main_memory(tmp_path) == MainMemory(100 * GB, 60 * GB)


def test_a_container_has_its_limit_less_what_it_uses(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit=8 * GB, used=3 * GB)
    assert main_memory(tmp_path) == MainMemory(8 * GB, 5 * GB)


def test_copies_of_files_are_free(tmp_path):
    process(tmp_path, "0::/\n", V2)
    of_files = {"inactive_file": 2 * GB, "active_file": GB, "slab_reclaimable": GB // 2}
    group(tmp_path, "", limit=8 * GB, used=6 * GB, **of_files)
    assert main_memory(tmp_path).free == 5.5 * GB


def test_shared_memory_is_not(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit=8 * GB, used=6 * GB, file=4 * GB, shmem=4 * GB)
    assert main_memory(tmp_path).free == 2 * GB


def test_a_container_has_no_more_than_the_machine(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit=90 * GB, used=GB)
    assert main_memory(tmp_path) == MainMemory(90 * GB, 60 * GB)


def test_no_limit_is_none(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit="max", used=3 * GB)
    assert main_memory(tmp_path) == MainMemory(100 * GB, 60 * GB)


def test_where_a_process_would_be_slowed_to_a_standstill_is_a_limit(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit=8 * GB, used=3 * GB, high=4 * GB)
    assert main_memory(tmp_path) == MainMemory(4 * GB, GB)


def test_more_than_the_limit_in_use_leaves_nothing(tmp_path):
    process(tmp_path, "0::/\n", V2)
    group(tmp_path, "", limit=2 * GB, used=3 * GB)
    assert main_memory(tmp_path).free == 0


def test_of_nested_groups_the_one_with_the_least_left_decides(tmp_path):
    # A job of Slurm: the limit is the job's, and its other steps use of it, too.
    process(tmp_path, "0::/slurm/job_7/step_0\n", V2)
    group(tmp_path, "slurm", limit="max", used=50 * GB)
    group(tmp_path, "slurm/job_7", limit=16 * GB, used=14 * GB)
    group(tmp_path, "slurm/job_7/step_0", limit=12 * GB, used=GB)
    group(tmp_path, "slurm/job_8", limit=GB, used=GB)  # another's
    assert main_memory(tmp_path) == MainMemory(12 * GB, 2 * GB)


def test_version_1(tmp_path):
    process(tmp_path, "4:cpu,cpuacct:/x\n3:memory:/\n1:name=systemd:/y\n", V1.format(top="/"))
    of_files = {"total_inactive_file": GB, "total_active_file": GB, "inactive_file": 0}
    old_group(tmp_path, "", limit=8 * GB, used=6 * GB, **of_files)
    assert main_memory(tmp_path) == MainMemory(8 * GB, 4 * GB)


def test_version_1_nested_and_unlimited_at_the_top(tmp_path):
    process(tmp_path, "3:memory:/user/a\n", V1.format(top="/"))
    old_group(tmp_path, "", limit=UNLIMITED_V1, used=90 * GB)
    old_group(tmp_path, "user", limit=10 * GB, used=7 * GB)
    old_group(tmp_path, "user/a", limit=UNLIMITED_V1, used=GB)
    assert main_memory(tmp_path) == MainMemory(10 * GB, 3 * GB)


@pytest.mark.parametrize("path", ["/docker/4f1c", "/docker/4f1c/child"])
def test_a_container_that_is_called_by_the_machines_names(tmp_path, path):
    process(tmp_path, f"3:memory:{path}\n", V1.format(top="/docker/4f1c"))
    old_group(tmp_path, "", limit=8 * GB, used=3 * GB)
    old_group(tmp_path, "child", limit=UNLIMITED_V1, used=GB)
    assert main_memory(tmp_path) == MainMemory(8 * GB, 5 * GB)


def test_a_group_outside_of_what_is_mounted_is_read_at_the_mount(tmp_path):
    process(tmp_path, "0::/../other\n", V2)
    group(tmp_path, "", limit=8 * GB, used=3 * GB)
    assert main_memory(tmp_path) == MainMemory(8 * GB, 5 * GB)


def test_both_versions_at_once(tmp_path):
    process(tmp_path, "3:memory:/\n0::/\n", V1.format(top="/") + V2.replace("cgroup rw", "both rw"))
    old_group(tmp_path, "", limit=8 * GB, used=3 * GB)
    assert main_memory(tmp_path) == MainMemory(8 * GB, 5 * GB)


def test_a_mount_point_with_a_space(tmp_path):
    process(tmp_path, "0::/\n", V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/my\040groups"))
    group(tmp_path, "my groups", limit=8 * GB, used=3 * GB)
    assert main_memory(tmp_path).total == 8 * GB


def test_this_machine():
    memory = main_memory()
    assert 0 < memory.free <= memory.total


def test_glibc_is_asked_to_give_back_and_no_other_library(monkeypatch):
    asked = []

    class Glibc:
        @staticmethod
        def malloc_trim(kept):
            asked.append(kept)

    libraries = {"libc.so.6": Glibc()}
    monkeypatch.setattr(ctypes, "CDLL", lambda name: libraries[name])
    return_freed()
    assert asked == [0]
    libraries["libc.so.6"] = object()
    return_freed()

    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    return_freed()
    assert asked == [0]
