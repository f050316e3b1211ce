"""Docker, with a stand-in for its command: no engine is asked."""

import os
from itertools import pairwise

import pytest

from recsys.errors import InputError
from recsys.launching import docker
from recsys.launching.docker import DockerConfig
from tests.commands import recsys
from tests.launching.conftest import calls, shop, stand_in


def values(command, option):
    return [after for word, after in pairwise(command) if word == option]


def test_a_container_has_the_folders_and_works_as_who_calls(mounted):
    work = shop("training.seeds=[1, 2]", "model.dim=8")
    command = docker.command(work, DockerConfig(), {})
    assert command[:4] == ["docker", "run", "--rm", "--init"]
    assert values(command, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert values(command, "--volume") == [
        f"{mounted}/runs:/app/runs",
        f"{mounted}/data:/app/data",
        f"{mounted}/my shop.yaml:/app/launched.yaml:ro",
    ]
    assert values(command, "--gpus") == ["all"] and values(command, "--entrypoint") == []
    assert command[command.index("recsys:jax") + 1 :] == [
        *("launch", "local", "/app/launched.yaml", "model.dim=8", "training.seeds=[1,2]"),
        *("--name", "shop", "--runs-dir", "/app/runs"),
    ]


def test_variables_are_given_by_name(mounted):
    environment = {
        "MLFLOW_TRACKING_URI": "http://mlflow", "MLFLOW_TRACKING_PASSWORD": "hush",
        "RECSYS_KEY_USERS": "secret", "OTHER": "x", "AWS_PROFILE": "shop",
    }  # fmt: skip
    command = docker.command(shop(), DockerConfig(env=["AWS_PROFILE"]), environment)
    assert values(command, "--env") == [
        *("HOME=/tmp", "AWS_PROFILE"),
        *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI", "RECSYS_KEY_USERS"),
    ]
    assert not {"hush", "secret"} & set(" ".join(command).split())


def test_without_a_gpu_none_is_asserted(mounted):
    command = docker.command(shop(), DockerConfig(gpus=0, memory_gib=8, at_once=2), {})
    assert values(command, "--gpus") == [] and values(command, "--entrypoint") == ["recsys"]
    assert values(command, "--memory") == ["8g"] and command[-2:] == ["--at-once", "2"]


def test_a_log_that_would_not_be_in_the_container_is_refused(folder):
    said = r"data.log.path: log.csv would not be in .*: move it into data/$"
    with pytest.raises(InputError, match=said):
        docker.refuse_unmounted(shop(), DockerConfig())
    outside = shop("data.log.path=[s3://shop/log.csv, /srv/logs/a.csv]")
    with pytest.raises(InputError, match="--volume /srv/logs:/srv/logs"):
        docker.refuse_unmounted(outside, DockerConfig())
    docker.refuse_unmounted(outside, DockerConfig(volumes={"/mnt/logs": "/srv"}))
    for hides in ("/app", "/", "/app/data/.."):
        with pytest.raises(InputError, match=f"volumes: {hides} would hide /app"):
            docker.refuse_unmounted(outside, DockerConfig(volumes={"/mnt/logs": hides}))


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (1, 1), (125, 2)])
def test_the_status_is_that_of_the_seeds(mounted, status, ends):
    stand_in(mounted, "docker", f'echo "docker: it says" >&2; exit {status}')
    done = recsys("launch", "docker", "my shop.yaml", "--image", "shop:1")
    assert done.returncode == ends
    assert ("docker did not start a container of shop:1" in done.stderr) == (ends == 2)
    assert len(calls(mounted)) == 1 and (mounted / "data").is_dir()


def test_a_dry_run_starts_nothing(mounted):
    asked = ["launch", "docker", "my shop.yaml", "--volume", "/srv/a:/srv", "--dry-run"]
    assert recsys(*asked).stdout.startswith("docker run --rm ")
    assert calls(mounted) == [] and not (mounted / "runs").exists()
    wrong = recsys("launch", "docker", "my shop.yaml", "--volume", "/srv").stderr
    assert wrong == "error: --volume /srv: write FOLDER:PATH, such as /srv/logs:/srv/logs\n"
