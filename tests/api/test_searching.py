"""Runs by a query of MLflow's."""

import logging

import pytest
from mlflow.tracking import MlflowClient

import recsys
from recsys.tracking import store
from recsys.tracking.run import MARK_TAG
from tests.commands import recsys as recsys_command


@pytest.fixture
def client(run):
    return MlflowClient(store.local_uri(run.path.parents[1]))


def test_a_run_is_found_by_what_mlflow_knows_of_it(run):
    found = recsys.search_runs('metrics."test/ndcg_at_10" > 0 and params."seed" = "1"')
    assert run.path.resolve() in [each.path.resolve() for each in found]


def test_what_is_left_out_is_said(run, client, caplog):
    experiment = client.get_experiment_by_name("recsys").experiment_id
    other = client.create_run(experiment, tags={MARK_TAG: "of-another-machine"}, run_name="far/1")
    # What gathers seeds, and the runs of others, are no runs of ours.
    gathers = client.create_run(experiment, run_name="far")
    with caplog.at_level(logging.WARNING):
        recsys.search_runs(experiment="recsys")
    assert "their folders are not in runs: 1 run (far/1)" in caplog.text
    client.delete_run(other.info.run_id)
    client.delete_run(gathers.info.run_id)


@pytest.mark.parametrize(
    ("query", "experiment", "said"),
    [
        ("loss < nothing", None, "MLflow cannot search by 'loss < nothing': "),
        ('params."model.dim" = "4096"', None, 'no evaluated run in runs is found by params."model'),
        ("", "another", r"no MLflow experiment 'another' in .*\(there are: .*recsys.*\)"),
    ],
)
def test_what_finds_nothing_is_said(run, query, experiment, said):
    with pytest.raises(recsys.InputError, match=said):
        recsys.search_runs(query, experiment=experiment)


def test_runs_are_compared_by_a_query(run):
    """Of what the query finds, a run that is named is not compared with itself."""
    query = ["--query", f'attributes.run_name = "{run.path.parent.name}-1"']
    done = recsys_command("compare", run.path.parent.name, *query)
    assert done.returncode == 2 and "at least two runs" in done.stderr, done.stderr
    done = recsys_command("compare", *query, "--by", "item.colour")
    assert done.returncode == 0 and "average, red: " in done.stdout, done.stderr
