"""What the environment says of other processes."""

import pytest

from recsys.errors import InputError
from recsys.system.processes.asked import ADDRESSES, COUNT, NUMBER, POD, asked_for

KERAS = {ADDRESSES: "a7:1234,b1:1234", COUNT: "3", NUMBER: "2"}
SLURM = {
    **{"SLURM_JOB_ID": "4097", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"},
    **{"SLURM_PROCID": "3", "SLURM_STEP_NODELIST": "gpu[07-08]", "SLURM_NTASKS": "4"},
}


def test_keras_variables_and_slurm_say_it():
    found = asked_for(KERAS)
    assert (found.number, found.count, found.host, found.port) == (2, 3, "a7", 1234)
    found = asked_for(SLURM)
    assert (found.number, found.count, found.host, found.port) == (3, 4, "gpu07", 61441)
    assert asked_for(SLURM | {"SLURM_STEP_ID": "1"}).port != found.port


def test_a_pod_of_an_indexed_job_has_its_number():
    assert asked_for({ADDRESSES: "shop-0.shop:1234", COUNT: "2", POD: "1"}).number == 1


def test_a_process_alone_is_not_one_of_several():
    script = {name: value for name, value in SLURM.items() if "STEP" not in name}
    for alone in ({}, script, SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, KERAS | {COUNT: "1"}):
        assert asked_for(alone) is None
    # Seeds that run side by side are pods of such a Job, too.
    assert asked_for({POD: "1"}) is None


@pytest.mark.parametrize(
    "change, said",
    [
        ({COUNT: "two"}, "KERAS_DISTRIBUTION_NUM_PROCESSES is 'two'"),
        ({NUMBER: "3"}, "this is process 3 of 3"),
        ({NUMBER: ""}, "JOB_COMPLETION_INDEX is ''"),
        ({ADDRESSES: "a7"}, "set it to its HOST:PORT"),
        ({ADDRESSES: "a7:0"}, "set it to its HOST:PORT"),
        ({ADDRESSES: "a7:123456"}, "set it to its HOST:PORT"),
        ({ADDRESSES: ""}, "set it to its HOST:PORT"),
    ],
)
def test_what_is_not_whole_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        asked_for(KERAS | change)
