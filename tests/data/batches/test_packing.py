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


@pytest.mark.parametrize("name", LENGTHS)
def test_few_widths_change_no_company(name):
    def steps(most_widths):
        placements = LengthBuckets(LENGTHS[name], 64, 1, most_widths).place(
            np.random.default_rng(0)
        )
        assert len(placements) <= (most_widths or 99)
        return sorted(row.tolist() for each in placements for row in each.sequences)

    assert steps(3) == steps(1) == steps(None)


def test_the_widths_that_pad_least():
    # 640 cells of 10 sequences of 64; two widths: 16 or 63 join the next.
    lengths = np.repeat([4, 8, 16, 64], [640, 64, 64, 64])
    placements = LengthBuckets(lengths, 64, 1, 2).place(np.random.default_rng(0))
    cells = {each.width: each.lanes * len(each.sequences) for each in placements}
    # By hand, in steps times width: (4, 64) 232, (8, 64) 216, (16, 64) 256.
    assert cells == {8: 704, 64: 128}


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
