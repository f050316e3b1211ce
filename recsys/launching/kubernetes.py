"""Kubernetes: an indexed Job, whose pods are the seeds, and a ConfigMap with the experiment.

Every pod runs `recsys run`, which continues by itself on the claim of runs that they share. The
first that comes prepares the dataset; a lock in that claim has the others wait for it.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt

from recsys.errors import InputError
from recsys.launching.programs import ask, require_program
from recsys.launching.resources import Resources, Variable
from recsys.launching.work import Work
from recsys.system.yaml_text import dump_yaml

# Where Dockerfile.gpu has them.
APP = Path("/app")
START = ("/app/scripts/docker_start.sh",)
PROGRAM = ("recsys",)
# Of a pod: the experiment, and how long a name may be with the number of a pod behind it.
FILE = "experiment.yaml"
LONGEST_NAME = 52
# Bad input, which is not mended by another try.
BAD_INPUT = 2
DAY = 86_400

DnsName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]


class KubernetesConfig(Resources):
    """What a pod is given, and what it stands on."""

    hours: PositiveFloat | None = Field(
        None, description="after which a pod is ended; the next try of its seed continues"
    )
    image: str | None = Field(None, description="of Dockerfile.gpu, in a registry of the cluster")
    namespace: DnsName | None = Field(None, description="that of the context by default")
    runs_claim: DnsName | None = Field(
        None,
        description="the persistent volume claim of runs and datasets; every node writes to it, "
        "if seeds run on several",
    )
    data_claim: DnsName | None = Field(
        None, description="the claim with logs, which pods find in the folder data"
    )
    secret: DnsName | None = Field(
        None,
        description="the secret whose keys are variables of the pods, such as MLFLOW_TRACKING_URI "
        "and MLFLOW_TRACKING_PASSWORD",
    )
    env: dict[Variable, str] = Field(
        {}, description="further variables, for everyone's eyes: no password, no key"
    )
    gpu_resource: str = Field("nvidia.com/gpu", description="what the cluster calls a GPU")
    user: PositiveInt = Field(
        1000, description="number of the user and the group that own what is written"
    )
    retries: int = Field(3, ge=0, description="of a seed that failed; bad input is not tried again")
    keep_days: PositiveInt = Field(7, description="days that the ended job is kept")
    service_account: DnsName | None = Field(None, description="of the pods")
    image_pull_secrets: list[DnsName] = Field([], description="of the registry")
    labels: dict[str, str] = Field(
        {}, description="of the job, such as kueue.x-k8s.io/queue-name: gpus"
    )
    node_selector: dict[str, str] = Field({}, description="labels of the nodes, such as a GPU's")
    tolerations: list[dict[str, str | int]] = Field(
        [], description="taints of nodes that pods may run on, as Kubernetes has them"
    )


def manifest(work: Work, config: KubernetesConfig) -> str:
    """What is applied: the ConfigMap and the Job, as YAML.

    They are named by the experiment and by a digest of all that is in them.

    Raises:
        InputError: the image or the claim of runs is not named, or a pod would not have the log.
    """
    for key, value in (("image", config.image), ("runs_claim", config.runs_claim)):
        if value is None:
            raise InputError(
                f"launch kubernetes: name {key} by --{key.replace('_', '-')}, or as "
                f"`kubernetes: {{{key}: …}}` in the file of --settings"
            )
    mounted = [APP / "runs", *([APP / "data"] if config.data_claim else [])]
    if found := work.outside(APP, mounted):
        raise InputError(
            f"{found[0]}: {found[1]} would not be in a pod, which has the folders "
            f"{', '.join(map(str, mounted))}: put it into the volume that --data-claim names, and "
            "its path into the experiment, such as data/log.parquet"
        )
    text = work.experiment.read_text(encoding="utf-8")
    told = json.dumps([text, _script(work, config), config.model_dump(mode="json")])
    digest = hashlib.sha256(told.encode()).hexdigest()[:8]
    plain = re.sub(r"[^a-z0-9]+", "-", work.name.lower()).strip("-")
    name = f"recsys-{plain}"[: LONGEST_NAME - 9].strip("-") + f"-{digest}"
    metadata: dict[str, Any] = {"name": name}
    if config.namespace is not None:
        metadata["namespace"] = config.namespace
    metadata["labels"] = {"app.kubernetes.io/name": "recsys", "app.kubernetes.io/instance": name}
    experiment = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": {FILE: text},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "labels": metadata["labels"] | config.labels},
        "spec": _job(work, config, name),
    }
    return "---\n".join(dump_yaml(each, blocks=True) for each in (experiment, job))


def apply(manifest: str) -> str:
    """Hands a manifest to the cluster.

    Returns:
        The name of the job.

    Raises:
        InputError: there is no `kubectl`, the cluster refuses, or the job is there already.
    """
    require_program("kubectl", "launch from a machine that reaches the cluster, or take --dry-run")
    said = ask(["kubectl", "apply", "--filename=-"], manifest)
    found = re.search(r"^job\.batch/(\S+) (\w+)", said, flags=re.MULTILINE)
    if found is None:
        raise InputError(f"kubectl does not say that it made a job: {said.strip()!r:.200}")
    job, state = found.groups()
    if state == "unchanged":
        raise InputError(
            f"job/{job} is there already, with the same experiment and settings: `kubectl logs "
            f"job/{job}` shows it; after `kubectl delete job/{job}`, the same launch continues its "
            "seeds"
        )
    return job


def _job(work: Work, config: KubernetesConfig, name: str) -> dict[str, Any]:
    return {
        # A pod for each seed, that fails and is tried again by itself.
        "completionMode": "Indexed",
        "completions": len(work.seeds),
        "parallelism": min(config.at_once or len(work.seeds), len(work.seeds)),
        "backoffLimitPerIndex": config.retries,
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailIndex",
                    "onExitCodes": {
                        "containerName": "recsys", "operator": "In", "values": [BAD_INPUT],
                    },
                },
                # Preempted, or its node was drained: no failure of the seed.
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
            ]
        },
        "ttlSecondsAfterFinished": config.keep_days * DAY,
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/instance": name}},
            "spec": _pod(work, config, name),
        },
    }  # fmt: skip


def _pod(work: Work, config: KubernetesConfig, name: str) -> dict[str, Any]:
    resources = {"cpu": str(config.cpus), "memory": f"{config.memory_gib}Gi"}
    if config.gpus:
        resources[config.gpu_resource] = str(config.gpus)
    volumes: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "experiment": ({"configMap": {"name": name}}, {"mountPath": str(APP / "launched")}),
        "runs": (_claim(config.runs_claim), {"mountPath": str(APP / "runs")}),
        # Where everything else that is written goes: the root is read-only.
        "scratch": ({"emptyDir": {}}, {"mountPath": "/tmp"}),
    }
    if config.data_claim is not None:
        volumes["data"] = (_claim(config.data_claim), {"mountPath": str(APP / "data")})
    container: dict[str, Any] = {
        "name": "recsys",
        "image": config.image,
        "workingDir": str(APP),
        "command": ["/bin/bash", "-c", _script(work, config)],
        "env": [
            {"name": key, "value": value} for key, value in ({"HOME": "/tmp"} | config.env).items()
        ],
        "resources": {"requests": resources, "limits": dict(resources)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": key, **mount} for key, (_, mount) in volumes.items()],
    }
    if config.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": config.secret}}]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",  # the job starts another pod, which is counted
        # Time to save what was trained, once a pod is told to end.
        "terminationGracePeriodSeconds": 120,
        "automountServiceAccountToken": config.service_account is not None,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": config.user,
            "runAsGroup": config.user,
            "fsGroup": config.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": key, **volume} for key, (volume, _) in volumes.items()],
    }
    optional = {
        "activeDeadlineSeconds": config.hours and round(config.hours * 3600),
        "serviceAccountName": config.service_account,
        "imagePullSecrets": [{"name": each} for each in config.image_pull_secrets],
        "nodeSelector": config.node_selector,
        "tolerations": config.tolerations,
    }
    return pod | {key: value for key, value in optional.items() if value}


def _script(work: Work, config: KubernetesConfig) -> str:
    """What a pod runs: the seed of its index, behind a look for the GPU if it has one."""
    inside = work.within(APP / "launched" / FILE, APP / "runs")
    return inside.run_by_index("JOB_COMPLETION_INDEX", START if config.gpus else PROGRAM)


def _claim(name: str | None) -> dict[str, Any]:
    return {"persistentVolumeClaim": {"claimName": name}}
