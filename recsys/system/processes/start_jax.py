"""JAX's part: its processes find one another, and their devices become one mesh."""

import contextlib
import os
import socket
import threading
import time

import jax
import numpy as np

from recsys.system.gpus import find_devices_of_jax
from recsys.system.processes.asked import Asked
from recsys.system.processes.group import Group
from recsys.system.processes.roll_call import LOCAL
from recsys.system.silence import STDOUT, silent

# JAX ends a process without a word of ours when it misses another one: we are to notice first.
LATER = 3
SHUTDOWN_SECONDS = 30
LOOPBACK = "127.0.0.1"
# Hosts that gRPC asks no proxy for.
DIRECT = "no_grpc_proxy"
# Seconds between two attempts to reach what has not begun yet, and of all of them.
PAUSE, ATTEMPTS_SECONDS = 0.2, 60.0
BLOCK = 2**16


def start_jax(asked: Asked, group: Group, seconds: float) -> None:
    """Starts JAX as one of several processes; its backend must not have started yet.

    On CPUs they compute together by Gloo, on NVIDIA's cards by NCCL.

    Args:
        asked: which one this is.
        group: all of them, which are there.
        seconds: without a sign of life, after which one counts as lost.

    Raises:
        InputError: JAX finds no device (see :func:`recsys.system.gpus.find_devices_of_jax`).
    """
    local = asked.host in LOCAL
    port = group.from_first("JAX's port", _free_port)
    address = f"{LOOPBACK}:{port}" if group.is_first else _Relay(asked.host, port).address
    # Through a proxy of the web it would not be found.
    os.environ[DIRECT] = ",".join(filter(None, [os.environ.get(DIRECT), LOOPBACK]))
    jax.config.update("jax_check_proxy_envs", False)
    # It would take the SIGTERM by which a training saves what it has.
    jax.config.update("jax_enable_preemption_service", False)
    with group.limited("finding the other processes' devices", 5 * seconds):
        jax.distributed.initialize(
            coordinator_address=address,
            num_processes=group.count,
            process_id=group.number,
            cluster_detection_method="deactivate",
            initialization_timeout=int(5 * seconds),
            heartbeat_timeout_seconds=int(LATER * seconds),
            shutdown_timeout_seconds=SHUTDOWN_SECONDS,
            coordinator_bind_address=address if local else None,
        )
        find_devices_of_jax()
        with silent(STDOUT):  # Gloo greets there
            _reach_all()


def _reach_all() -> None:
    """Has every device add one: whoever cannot reach another is found out before any work."""
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
    shares = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    ones = np.ones(mesh.size, dtype=np.float32)
    spread = jax.make_array_from_callback(ones.shape, shares, lambda index: ones[index])
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    found = jax.jit(jax.numpy.sum, out_shardings=whole)(spread)
    assert float(found) == mesh.size


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


class _Relay:
    """Hands on what JAX says to the first process, and hides from it that this one is gone.

    JAX aborts a process as soon as its connection to the first one closes, before anything can be
    said or saved. Here the connection stays open, and our own message comes first.

    Args:
        host: of the first process.
        port: of JAX there.

    Attributes:
        address: where JAX of this process finds the first one.
    """

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._server = socket.create_server((LOOPBACK, 0))
        self.address = f"{LOOPBACK}:{self._server.getsockname()[1]}"
        self._start(self._accept)

    def _start(self, work, *arguments) -> None:
        threading.Thread(target=work, args=arguments, daemon=True, name="relay").start()

    def _accept(self) -> None:
        while True:
            here, _ = self._server.accept()
            self._start(self._connect, here)

    def _connect(self, here: socket.socket) -> None:
        deadline = time.monotonic() + ATTEMPTS_SECONDS
        while True:
            try:
                there = socket.create_connection(self._there, ATTEMPTS_SECONDS)
                break
            except OSError:
                if time.monotonic() > deadline:
                    here.close()
                    return
                time.sleep(PAUSE)
        there.settimeout(None)
        self._start(_hand_on, here, there, True)
        _hand_on(there, here, False)


def _hand_on(source: socket.socket, target: socket.socket, tells_the_end: bool) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            target.sendall(block)
        if tells_the_end:
            target.shutdown(socket.SHUT_WR)
