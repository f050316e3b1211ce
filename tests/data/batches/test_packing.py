"""Where the rows of an epoch lie: each once, none over another, hardly any padding."""

import numpy as np
import pytest

from recsys.data.batches.packing import Buckets, PackedLanes

LENGTHS = {
    "short": np.random.default_rng(0).geometric(0.2, size=5000).clip(1, 50),
    "long": np.random.default_rng(1).geometric(0.01, size=2000).clip(1, 200),
    "one": np.array([7]),
    "equal": np.full(100, 30),
    "none": np.array([], dtype=np.int64),
}


@pytest.mark.parametrize("kind", [Buckets, PackedLanes])
@pytest.mark.parametrize("name", LENGTHS)
def test_every_row_has_a_place_of_its_own(kind, name):
    lengths = LENGTHS[name]
    layouts = kind(lengths, 64)
    steps = 0
    met = []
    for layout in layouts.draw(np.random.default_rng(0)):
        for rows, lanes, columns in zip(layout.rows, layout.row_lanes, layout.columns, strict=True):
            taken = np.zeros((layout.lanes, layout.width), dtype=int)
            for row, lane, column in zip(rows, lanes, columns, strict=True):
                if row >= 0:
                    assert column + lengths[row] <= layout.width
                    taken[lane, column : column + lengths[row]] += 1
                    met.append(row)
            assert taken.max() == 1
            steps += 1
    assert sorted(met) == list(range(len(lengths)))
    assert steps == layouts.steps_per_epoch


@pytest.mark.parametrize(("name", "filled"), [("short", 0.97), ("long", 0.9)])
def test_packed_lanes_are_full(name, filled):
    (layout,) = PackedLanes(LENGTHS[name], 64).draw(np.random.default_rng(0))
    cells = len(layout.rows) * layout.lanes * layout.width
    assert LENGTHS[name].sum() / cells > filled


def test_a_step_has_as_many_rows_as_asked_for_on_average():
    (layout,) = PackedLanes(LENGTHS["short"], 64).draw(np.random.default_rng(0))
    assert 56 < (layout.rows >= 0).sum(axis=1)[:-1].mean() < 72


def test_packed_epochs_have_the_same_shape():
    layouts = PackedLanes(LENGTHS["short"], 64)
    shapes = {layouts.draw(np.random.default_rng(seed))[0].rows.shape for seed in range(5)}
    assert len(shapes) == 1


def test_rows_meet_others_in_every_epoch():
    layouts = PackedLanes(LENGTHS["short"], 64)
    companions = []
    for seed in (0, 1):
        (layout,) = layouts.draw(np.random.default_rng(seed))
        step = np.flatnonzero((layout.rows == 17).any(axis=1))[0]
        companions.append(set(layout.rows[step]))
    assert len(companions[0] & companions[1]) < 20
