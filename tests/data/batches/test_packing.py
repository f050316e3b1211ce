"""Where the sequences of an epoch lie: each once, none over another, hardly any padding."""

import numpy as np
import pytest

from recsys.data.batches.packing import LengthBuckets, PackedSequences

LENGTHS = {
    "short": np.random.default_rng(0).geometric(0.2, size=5000).clip(1, 50),
    "long": np.random.default_rng(1).geometric(0.01, size=2000).clip(1, 200),
    "one": np.array([7]),
    "equal": np.full(100, 30),
    "none": np.array([], dtype=np.int64),
}


@pytest.mark.parametrize("kind", [LengthBuckets, PackedSequences])
@pytest.mark.parametrize("name", LENGTHS)
def test_every_sequence_has_a_place_of_its_own(kind, name):
    lengths = LENGTHS[name]
    packing = kind(lengths, 64)
    steps = 0
    met = []
    for placement in packing.place(np.random.default_rng(0)):
        for numbers, lanes, columns in zip(
            placement.sequences, placement.sequence_lanes, placement.columns, strict=True
        ):
            taken = np.zeros((placement.lanes, placement.width), dtype=int)
            for number, lane, column in zip(numbers, lanes, columns, strict=True):
                if number >= 0:
                    assert column + lengths[number] <= placement.width
                    taken[lane, column : column + lengths[number]] += 1
                    met.append(number)
            assert taken.max() == 1
            steps += 1
    assert sorted(met) == list(range(len(lengths)))
    assert steps == packing.steps_per_epoch


def positions_of_steps(packing, lengths):
    return np.concatenate(
        [
            np.where(each.sequences >= 0, lengths[each.sequences], 0).sum(axis=1)
            for each in packing.place(np.random.default_rng(0))
        ]
    )


@pytest.mark.parametrize("most_widths", [None, 3, 1])
@pytest.mark.parametrize("name", ["short", "long", "equal"])
def test_steps_have_about_as_many_positions(name, most_widths):
    """Whatever their length, so that each event counts alike."""
    lengths = LENGTHS[name]
    positions = positions_of_steps(LengthBuckets(lengths, 64, 1, most_widths), lengths)
    assert positions.sum() == lengths.sum()
    assert abs(len(positions) - len(lengths) / 64) <= 2
    usual = 64 * lengths.mean()
    assert positions.min() > usual / 2 and positions.max() < 1.7 * usual


def test_few_of_a_length_share_steps_with_others():
    # A step has 49 positions, 8 times the mean length; the one of 40 does not fill it.
    lengths = np.repeat([4, 40], [16, 1])
    (placement,) = LengthBuckets(lengths, 8).place(np.random.default_rng(0))
    assert placement.width == 40 and placement.sequences.shape == (2, 9)
    assert (placement.sequences >= 0).sum(axis=1).tolist() == [9, 8]


def test_no_step_is_empty():
    lengths = np.repeat([3, 30], [60, 1])
    long = LengthBuckets(lengths, 4).place(np.random.default_rng(0))[-1]
    assert long.sequences.tolist() == [[60]]


def test_lanes_are_shared_out():
    for placement in LengthBuckets(LENGTHS["short"], 64, 4).place(np.random.default_rng(0)):
        assert placement.lanes % 4 == 0


def test_the_widths_that_pad_least():
    lengths = np.repeat([4, 8, 16, 64], [640, 64, 64, 64])
    placements = LengthBuckets(lengths, 64, 1, 2).place(np.random.default_rng(0))
    # By hand, in positions: (4, 64) 14,848, (8, 64) 13,824, (16, 64) 16,384.
    assert [each.width for each in placements] == [8, 64]
    assert len(LengthBuckets(lengths, 64, 1, 3).place(np.random.default_rng(0))) == 3


@pytest.mark.parametrize(("name", "filled"), [("short", 0.97), ("long", 0.9)])
def test_packed_lanes_are_full(name, filled):
    (placement,) = PackedSequences(LENGTHS[name], 64).place(np.random.default_rng(0))
    cells = len(placement.sequences) * placement.lanes * placement.width
    assert LENGTHS[name].sum() / cells > filled


def test_a_step_has_as_many_sequences_as_asked_for_on_average():
    (placement,) = PackedSequences(LENGTHS["short"], 64).place(np.random.default_rng(0))
    assert 56 < (placement.sequences >= 0).sum(axis=1)[:-1].mean() < 72


def test_packed_epochs_have_the_same_shape():
    packing = PackedSequences(LENGTHS["short"], 64)
    shapes = {packing.place(np.random.default_rng(seed))[0].sequences.shape for seed in range(5)}
    assert len(shapes) == 1


def test_sequences_meet_others_in_every_epoch():
    packing = PackedSequences(LENGTHS["short"], 64)
    companions = []
    for seed in (0, 1):
        (placement,) = packing.place(np.random.default_rng(seed))
        step = np.flatnonzero((placement.sequences == 17).any(axis=1))[0]
        companions.append(set(placement.sequences[step]))
    assert len(companions[0] & companions[1]) < 20
