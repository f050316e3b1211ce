"""Whether this process is one of several that train together, as its environment says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from recsys.errors import InputError

# Keras's own (``keras.distribution.initialize``).
ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"
# Of a pod of an indexed Job on Kubernetes.
POD = "JOB_COMPLETION_INDEX"
# ``srun`` sets it, and the script of a job, which runs once whatever its tasks, has it not.
STEP_TASKS = "SLURM_STEP_NUM_TASKS"
# Ports that Linux gives to nobody by itself, as JAX takes them for jobs of Slurm.
FIRST_PORT, PORTS = 61440, 4096


@dataclass(frozen=True)
class Asked:
    """A process of several.

    Attributes:
        number: its own, from 0.
        count: of all.
        host: of the first of them, as the others find it.
        port: at which the first one awaits the others.
        said_by: what said so, for messages.
    """

    number: int
    count: int
    host: str
    port: int
    said_by: str


def asked_for(environment: Mapping[str, str] = os.environ) -> Asked | None:
    """What the environment says; None: this process trains alone.

    Keras's variables say it, or ``srun`` with several tasks. Under them the number may be left to
    ``JOB_COMPLETION_INDEX``, which Kubernetes gives to the pods of an indexed Job.

    Args:
        environment: variables.

    Raises:
        InputError: what is said is not whole.

    >>> asked_for({"SLURM_JOB_ID": "7"}) is None
    True
    >>> found = asked_for({ADDRESSES: "10.0.0.1:1234", COUNT: "2", NUMBER: "1"})
    >>> found.number, found.count, found.host, found.port
    (1, 2, '10.0.0.1', 1234)
    """
    if environment.get(COUNT):
        return _by_variables(environment)
    if environment.get(STEP_TASKS, "1") != "1":
        return _by_slurm(environment)
    return None


def _by_variables(environment: Mapping[str, str]) -> Asked | None:
    count = _whole(environment, COUNT)
    if count <= 1:
        return None
    number = _whole(environment, NUMBER if environment.get(NUMBER) else POD)
    host, colon, port = environment.get(ADDRESSES, "").partition(",")[0].strip().rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 2**16):
        raise InputError(
            f"{COUNT}={count} asks for several processes, and {ADDRESSES} does not say where the "
            "first one is: set it to its HOST:PORT, a free port, in every process"
        )
    return _checked(Asked(number, count, host.strip("[]"), int(port), COUNT))


def _by_slurm(environment: Mapping[str, str]) -> Asked:
    job = _whole(environment, "SLURM_JOB_ID") + 31 * _whole(environment, "SLURM_STEP_ID")
    return _checked(
        Asked(
            _whole(environment, "SLURM_PROCID"),
            _whole(environment, STEP_TASKS),
            first_host(environment.get("SLURM_STEP_NODELIST", "")),
            FIRST_PORT + job % PORTS,
            f"Slurm, {STEP_TASKS}",
        )
    )


def first_host(nodes: str) -> str:
    """The first of a list of nodes, as Slurm writes it.

    >>> [first_host(each) for each in ("a7", "a7,b1", "a[01-04,09],b1", "rack[2-3]n[1,4]")]
    ['a7', 'a7', 'a01', 'rack2n1']
    """
    name, rest = "", nodes
    while rest and rest[0] != ",":
        if rest[0] == "[":
            numbers, _, rest = rest[1:].partition("]")
            name += numbers.partition(",")[0].partition("-")[0]
        else:
            name, rest = name + rest[0], rest[1:]
    return name


def _checked(asked: Asked) -> Asked:
    if not asked.host or not 0 <= asked.number < asked.count:
        raise InputError(
            f"{asked.said_by} says that this is process {asked.number} of {asked.count}, and that "
            f"the first runs on {asked.host!r}: numbers go from 0 to {asked.count - 1}, and the "
            "first needs a host"
        )
    return asked


def _whole(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not text.isdigit():
        raise InputError(
            f"several processes are asked for, and {name} is {text!r}: expected a whole number"
        )
    return int(text)
