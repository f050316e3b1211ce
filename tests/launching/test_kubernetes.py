"""Kubernetes: the manifest, held against the published schemas; no cluster is asked."""

import copy
import subprocess

import kubernetes_validate
import pytest
import yaml

from recsys.errors import InputError
from recsys.launching import kubernetes
from recsys.launching.kubernetes import KubernetesConfig
from tests.commands import recsys
from tests.launching.conftest import calls, shop, stand_in

# The oldest that has a limit for each seed by default (`backoffLimitPerIndex`), and the newest.
CLAIMS = ("--runs-claim=runs", "--data-claim=logs")
VERSIONS = ("1.29", kubernetes_validate.latest_version())
SMALL = {"image": "shop/recsys:1", "runs_claim": "runs", "data_claim": "logs"}
LARGE = KubernetesConfig(
    **SMALL, namespace="research", secret="mlflow", env={"KERAS_BACKEND": "jax"},
    gpus=2, hours=1.5, at_once=2, retries=1, service_account="trainer",
    image_pull_secrets=["registry"], labels={"kueue.x-k8s.io/queue-name": "gpus"},
    node_selector={"gpu": "h100"},
    tolerations=[{"key": "gpu", "effect": "NoExecute", "tolerationSeconds": 60}],
)  # fmt: skip


def made(config, *overrides):
    return list(yaml.safe_load_all(kubernetes.manifest(shop(*overrides), config)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("config", [KubernetesConfig(**SMALL), KubernetesConfig(**SMALL, gpus=0),
                                    LARGE], ids=["small", "cpu", "large"])  # fmt: skip
def test_the_schemas_of_kubernetes_accept_it(mounted, config, version):
    documents = made(config, "training.seeds=[1, 2, 3]")
    assert [each["kind"] for each in documents] == ["ConfigMap", "Job"]
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
    wrong = copy.deepcopy(documents[1])
    wrong["spec"]["podFailurePolicies"] = wrong["spec"].pop("podFailurePolicy")
    with pytest.raises(kubernetes_validate.ValidationError, match="podFailurePolicies"):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_a_pod_for_each_seed_which_bad_input_ends_at_once(mounted):
    _, job = made(LARGE, "training.seeds=[1, 2, 3]")
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 2)
    assert (spec["backoffLimitPerIndex"], pod["activeDeadlineSeconds"]) == (1, 5400)
    first, second = spec["podFailurePolicy"]["rules"]
    assert (first["action"], first["onExitCodes"]["values"]) == ("FailIndex", [2])
    assert (second["action"], second["onPodConditions"][0]["type"]) == (
        "Ignore",
        "DisruptionTarget",
    )
    # What these rules need (API reference, PodFailurePolicy).
    assert pod["restartPolicy"] == "Never"
    assert first["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    limits = {"cpu": "4", "memory": "32Gi", "nvidia.com/gpu": "2"}
    assert pod["containers"][0]["resources"]["limits"] == limits
    assert len(job["metadata"]["name"]) <= kubernetes.LONGEST_NAME


def test_nothing_runs_as_root_or_writes_beside_its_volumes(mounted):
    _, job = made(LARGE)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 1000
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts == {
        "experiment": "/app/launched", "runs": "/app/runs", "data": "/app/data", "scratch": "/tmp",
    }  # fmt: skip
    assert mounts.keys() == {each["name"] for each in pod["volumes"]}
    assert container["envFrom"] == [{"secretRef": {"name": "mlflow"}}]


def test_a_pod_runs_the_seed_of_its_index_with_the_experiment_as_it_is(mounted):
    start = stand_in(mounted, "start", 'echo "$*"; exit 2')
    configuration, job = made(KubernetesConfig(**SMALL), "training.seeds=[4, 9]", "model.dim=8")
    assert configuration["data"]["experiment.yaml"] == (mounted / "my shop.yaml").read_text()
    bash, option, script = job["spec"]["template"]["spec"]["containers"][0]["command"]
    done = subprocess.run(
        [bash, option, script.replace(*kubernetes.START, str(start))],
        **{"env": {"JOB_COMPLETION_INDEX": "1"}, "capture_output": True, "text": True},
    )
    assert done.returncode == 2
    assert done.stdout == (
        "run /app/launched/experiment.yaml model.dim=8 training.seeds=[9] --name shop "
        "--runs-dir /app/runs\n"
    )
    _, on_cpu = made(KubernetesConfig(**SMALL, gpus=0))
    script = on_cpu["spec"]["template"]["spec"]["containers"][0]["command"][2]
    assert "exec recsys run" in script and "start" not in script


def test_another_experiment_has_another_name(mounted):
    names = {
        made(KubernetesConfig(**SMALL), *overrides)[1]["metadata"]["name"]
        for overrides in ([], [], ["model.dim=8"], ["training.seeds=[2]"], [f"name={'Ab.' * 30}x"])
    }
    assert len(names) == 4 and all(len(name) <= 52 for name in names)
    for name in names:
        assert name == name.lower() and not set(name) & set("._")


def test_it_is_applied_as_it_is_printed(mounted):
    stand_in(
        mounted,
        "kubectl",
        f"cat >'{mounted}/applied.yaml'; echo configmap/recsys-shop-1 created; "
        "echo job.batch/recsys-shop-1 created",
    )
    asked = ["launch", "kubernetes", "my shop.yaml", "--image=shop:1", *CLAIMS]
    printed = recsys(*asked, "--dry-run").stdout
    assert calls(mounted) == [] and yaml.safe_load_all(printed)
    status, _, said = recsys(*asked)
    assert status == 0 and (mounted / "applied.yaml").read_text() == printed
    assert "applied: recsys-shop-1" in said and "kubectl delete job/recsys-shop-1" in said


@pytest.mark.parametrize(
    ("kubectl", "said"),
    [
        ("echo 'error: jobs is forbidden' >&2; exit 1", "kubectl refuses (status 1): error: jobs"),
        ("echo configmap/a unchanged; echo job.batch/a unchanged", "job/a is there already"),
        ("", "kubectl does not say"),
    ],
)
def test_a_cluster_that_refuses_is_one_message(mounted, kubectl, said):
    stand_in(mounted, "kubectl", f"cat >/dev/null; {kubectl}")
    asked = ["launch", "kubernetes", "my shop.yaml", "--image=shop:1", *CLAIMS]
    status, printed, error = recsys(*asked)
    assert (status, printed) == (2, "") and error.startswith(f"error: {said}")


def test_what_is_not_named_is_asked_for(mounted):
    for config in (KubernetesConfig(), KubernetesConfig(image="shop:1")):
        with pytest.raises(InputError, match=r"name (image by --image|runs_claim by --)"):
            made(config)


def test_a_log_that_no_pod_would_have_is_refused(mounted):
    with pytest.raises(InputError, match=r"data.log.path: data/log.csv would not be in a pod"):
        made(KubernetesConfig(image="shop:1", runs_claim="runs"))
    made(KubernetesConfig(image="shop:1", runs_claim="runs"), "data.log.path=s3://shop/log.csv")
