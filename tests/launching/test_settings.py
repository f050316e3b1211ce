"""The file with settings of places, and the options that win over it."""

import pytest

from recsys.errors import InputError
from recsys.launching.settings import read_settings


def test_options_win_over_the_file(tmp_path):
    file = tmp_path / "places.yaml"
    file.write_text("slurm: {gpus: 4, partition: h100}\nlocal: {at_once: 3}\n")
    found = read_settings(file, "slurm", {"gpus": 2, "partition": None})
    assert (found.slurm.gpus, found.slurm.partition, found.local.at_once) == (2, "h100", 3)
    assert read_settings(None, "slurm", {}).slurm.gpus == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slurm: {partitoin: a}", r"did you mean 'partition'"),
        ("slum: {gpus: 1}", r"slum"),
        ("kubernetes: {runs_claim: Runs!}", r"kubernetes.runs_claim"),
        ("docker: {env: [A=b]}", r"docker.env"),
    ],
)
def test_what_is_not_a_setting_is_refused(tmp_path, text, said):
    file = tmp_path / "places.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_settings(file, "slurm", {})
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no settings file"):
        read_settings(tmp_path / "none.yaml", "slurm", {})
