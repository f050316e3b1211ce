"""Checks what this machine offers: versions, devices, memory, disk, the MLflow store."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Literal

from recsys.system.gpus import EXTRAS, unused_card
from recsys.system.memory import main_memory
from recsys.tracking import store

PACKAGES = ("keras", "tensorflow", "jax", "tensorflow-recommenders", "mlflow", "ibis-framework")
MEND = {
    "jax": "pip install 'recsys[jax]'",
    "tensorflow-recommenders": "pip install --no-deps tensorflow-recommenders",
}
PROBE_SECONDS = 180
ENOUGH_DISK_GB = 5
ENOUGH_MEMORY_GB = 4
GB = 1e9

# What a probe prints: {"devices": [...], "gpus": count, "notes": {...}}.
PROBES = {
    "tensorflow": """
import json, tensorflow as tf
build = tf.sysconfig.get_build_info()
gpus = tf.config.list_physical_devices("GPU")
details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
names = [found.get("device_name", "GPU") for found in details]
notes = {key: build[key] for key in ("cuda_version", "cudnn_version") if build.get(key)}
print(json.dumps({"devices": names or ["CPU"], "gpus": len(gpus), "notes": notes}))
""",
    "jax": """
import json, os, jax
try:
    devices = jax.devices()
except (RuntimeError, AssertionError) as error:
    asked = os.environ.get("JAX_PLATFORMS")
    raise SystemExit(f"no device of JAX_PLATFORMS={asked}: unset it" if asked else str(error))
names = [device.device_kind for device in devices]
gpus = sum(device.platform == "gpu" for device in devices)
version = devices[0].client.platform_version.splitlines()[0]
print(json.dumps({"devices": names, "gpus": gpus, "notes": {"platform": version}}))
""",
    "tensorflow_recommenders": """
import json, tensorflow_recommenders.layers.factorized_top_k
print(json.dumps({"devices": [], "gpus": 0, "notes": {}}))
""",
}
PROBE_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_USE_LEGACY_KERAS": "1",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


@dataclass(frozen=True)
class Check:
    """One line of the diagnosis."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str


def run(require_gpu: bool = False) -> int:
    """Prints the diagnosis; returns 1 if something failed, else 0."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    checks = diagnose(require_gpu)
    colour = {"ok": "green", "warning": "yellow", "failed": "red"}
    table = Table("check", "status", "detail", box=None, pad_edge=False)
    for check in checks:
        table.add_row(check.name, Text(check.status, colour[check.status]), Text(check.detail))
    Console().print(table)
    return int(any(check.status == "failed" for check in checks))


def diagnose(require_gpu: bool = False) -> list[Check]:
    """Looks at everything a run needs.

    Args:
        require_gpu: a GPU that the chosen backend cannot see is a failure.
    """
    backend = chosen_backend()
    with ThreadPoolExecutor() as pool:
        probes = dict(zip(PROBES, pool.map(_probe, PROBES), strict=True))
    return [
        _python(),
        *_packages(backend),
        _backend(backend, probes.get(backend, {})),
        *(_devices(name, probes[name], backend, require_gpu) for name in ("tensorflow", "jax")),
        _gpu_driver(),
        *_cuda_libraries(),
        _retrieval_layers(probes["tensorflow_recommenders"]),
        _memory(),
        _disk(),
        _mlflow(),
    ]


def chosen_backend() -> str:
    """The backend that Keras will use, found without importing it."""
    if backend := os.environ.get("KERAS_BACKEND"):
        return backend
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        return json.loads((home / "keras.json").read_text())["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def _probe(name: str) -> dict[str, Any]:
    """Imports a library in a process of its own, where it may crash or take memory.

    Returns:
        What the probe found, or ``{"error": the last line it printed}``.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBES[name]],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=os.environ | PROBE_ENVIRONMENT,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {PROBE_SECONDS} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def _python() -> Check:
    supported = (3, 11) <= sys.version_info < (3, 14)
    detail = f"{platform.python_version()} on {platform.platform()}"
    return Check("python", "ok" if supported else "failed", detail)


def _packages(backend: str) -> Iterator[Check]:
    for package in PACKAGES:
        try:
            yield Check(package, "ok", version(package))
        except PackageNotFoundError:
            optional = package == "jax" and backend != "jax"
            mend = f" ({MEND[package]})" if package in MEND else ""
            yield Check(package, "ok" if optional else "failed", f"not installed{mend}")


def _backend(name: str, found: dict[str, Any]) -> Check:
    """What trains, and whether it should on this machine."""
    if name not in EXTRAS:  # which training itself refuses
        return Check("backend", "ok", name)
    if reason := unused_card(name, on_accelerator=bool(found.get("gpus"))):
        return Check("backend", "warning", f"{name}: {reason}")
    if name == "tensorflow" and found.get("gpus"):
        return Check(
            "backend",
            "ok",
            "tensorflow; with a GPU, KERAS_BACKEND=jax is recommended for training: all that is "
            "made for GPUs is made for it, and the export is TensorFlow's either way",
        )
    return Check("backend", "ok", name)


def _devices(name: str, found: dict[str, Any], backend: str, require_gpu: bool) -> Check:
    """The devices that a backend sees; only the chosen one can fail."""
    title = f"{name} devices"
    chosen = name == backend
    if "error" in found:
        missing = found["error"] == f"ModuleNotFoundError: No module named '{name}'"
        why = "not installed" if missing else f"cannot be used: {found['error']}"
        # What is not there is not asked for; what is there and does not work may be missed.
        return Check(title, "failed" if chosen else "ok" if missing else "warning", why)
    notes = "".join(f", {key.replace('_', ' ')} {value}" for key, value in found["notes"].items())
    detail = ", ".join(found["devices"]) + notes
    if require_gpu and chosen and not found["gpus"]:
        mend = "start the container with `--gpus all`, and see that `nvidia-smi` works on the host"
        return Check(title, "failed", f"no GPU is visible ({detail}): {mend}")
    return Check(title, "ok", detail)


def _gpu_driver() -> Check:
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Check("GPU driver", "ok", "none (nvidia-smi is not there)")
    lines = "; ".join(done.stdout.strip().splitlines())
    if done.returncode:
        return Check("GPU driver", "warning", lines or "nvidia-smi fails")
    return Check("GPU driver", "ok", lines)


def _cuda_libraries() -> Iterator[Check]:
    """CUDA and cuDNN as installed by pip, which is where both backends look."""
    wanted = ("nvidia-cuda-runtime", "nvidia-cudnn")
    found = {d.name: d.version for d in distributions() if d.name.startswith(wanted)}
    if found:
        yield Check("CUDA libraries", "ok", ", ".join(f"{n} {v}" for n, v in sorted(found.items())))


def _retrieval_layers(found: dict[str, Any]) -> Check:
    name = "export"
    if "error" in found:
        return Check(name, "failed", f"tensorflow_recommenders: {found['error']}")
    return Check(name, "ok", "tensorflow_recommenders imports beside Keras 2 (tf-keras)")


def _memory() -> Check:
    memory = main_memory()
    status: Literal["ok", "warning"] = "ok" if memory.free > ENOUGH_MEMORY_GB * GB else "warning"
    return Check("memory", status, f"{memory.free / GB:.1f} of {memory.total / GB:.1f} GB free")


def _disk() -> Check:
    usage = shutil.disk_usage(Path.cwd())
    status: Literal["ok", "warning"] = "ok" if usage.free > ENOUGH_DISK_GB * GB else "warning"
    return Check("disk", status, f"{usage.free / GB:.0f} of {usage.total / GB:.0f} GB free here")


def _mlflow() -> Check:
    uri = store.configured_uri()
    if uri is None:
        return Check("MLflow store", "ok", "mlflow.db in the runs folder")
    address = store.public_uri(uri)
    if store.is_server(uri) and not store.answers(uri):
        return Check("MLflow store", "warning", f"{address} does not answer: runs stay local")
    return Check("MLflow store", "ok", address)
