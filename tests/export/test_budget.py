"""Limits of what a SavedModel may take."""

import pytest

from recsys.errors import InputError
from recsys.export.budget import BudgetConfig
from recsys.export.request import ExportConfig

MEASURED = {
    "size_bytes": 2_000_000,
    "peak_memory_bytes": 600_000_000,
    "latency_p50_ms": 1.5,
    "latency_p99_ms": 3.25,
    "cpus": 2,
}


@pytest.mark.parametrize(
    "limits", [{}, {name: value for name, value in MEASURED.items() if name != "cpus"}]
)
def test_what_is_within_its_limits_passes(limits):
    BudgetConfig(**limits).check(MEASURED)


def test_every_figure_over_its_limit_is_named():
    budget = BudgetConfig(size_bytes=1_999_999, latency_p50_ms=1.5, latency_p99_ms=3)
    with pytest.raises(InputError) as raised:
        budget.check(MEASURED)
    said = str(raised.value)
    assert "2,000,000 bytes on disk, where size_bytes is 1,999,999" in said
    assert "3.25 ms for a query, the 99th percentile, where latency_p99_ms is 3.0" in said
    assert "p50" not in said and "memory" not in said


def test_what_is_not_a_number_is_over():
    with pytest.raises(InputError, match="nan ms for a query, the median"):
        BudgetConfig(latency_p50_ms=9).check(MEASURED | {"latency_p50_ms": float("nan")})


def test_a_limit_of_what_is_not_measured_is_refused():
    ExportConfig(timed_queries=0, budget={"size_bytes": 1})
    with pytest.raises(ValueError, match="latency_p99_ms, which `timed_queries: 0` leaves unmeas"):
        ExportConfig(timed_queries=0, budget={"latency_p99_ms": 1.0})


@pytest.mark.parametrize("limits", [{"size_mb": 1}, {"latency_p50_ms": 0}, {"size_bytes": -1}])
def test_other_limits_are_refused(limits):
    with pytest.raises(ValueError, match="budget"):
        ExportConfig(budget=limits)
