"""An approximate index against answers that are known."""

import numpy as np
import pytest

from recsys.errors import Damaged, InputError
from recsys.export.ann.build import build_index, publish_index, recall
from recsys.export.ann.config import IndexConfig
from recsys.export.ann.index import ApproximateIndex, equally_long, exact_search

pytest.importorskip("faiss")
ITEMS, DIM = 2000, 12


@pytest.fixture(scope="module")
def vectors():
    """Clusters of very unequal lengths, as popular and rare items have them."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(20, DIM))
    vectors = centres[generator.integers(20, size=ITEMS)] + generator.normal(
        size=(ITEMS, DIM), scale=0.5
    )
    return (vectors * generator.lognormal(sigma=0.7, size=(ITEMS, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def queries():
    return np.random.default_rng(1).normal(size=(200, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def ids():
    return [f"item {number}" for number in range(ITEMS)]


@pytest.fixture
def model(tmp_path):
    return _model(tmp_path / "model", "one")


def _model(folder, content):
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "manifest.json").write_text(content)
    return folder


def test_the_longer_coordinate_makes_distances_of_products(vectors, queries):
    widened = equally_long(vectors, multiple=4)
    assert widened.shape == (ITEMS, 16) and not widened[:, 13:].any()
    lengths = np.linalg.norm(widened, axis=1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-5)
    query = np.append(queries[0], np.zeros(4, np.float32))
    nearest = np.argsort(np.linalg.norm(widened - query, axis=1))[:10]
    assert nearest.tolist() == np.argsort(-(vectors @ queries[0]))[:10].tolist()


def test_exact_search_by_hand():
    vectors = np.array([[1, 0], [0, 2], [1, 1]], np.float32)
    items, scores = exact_search(vectors, np.array([[2, 1], [0, 1]], np.float32), 2)
    assert items.tolist() == [[2, 0], [1, 2]]
    assert scores.tolist() == [[3, 2], [2, 1]]


@pytest.mark.parametrize(
    ("kind", "quantise"),
    [("hnsw", None), ("hnsw", "int8"), ("ivf", None), ("ivf", "int8"), ("ivf", "pq")],
)
def test_every_kind_finds_what_is_best(vectors, queries, ids, kind, quantise):
    config = IndexConfig(kind=kind, quantise=quantise, pq_dims=2, rescore=8, k=10)
    index, measured = build_index(vectors, ids, queries, config)
    assert measured["recall"] >= 0.98 and measured["queries"] == 100
    found, scores = index.search(queries, 10)
    exact, exact_scores = exact_search(vectors, queries, 10)
    hits = [
        len({*row} & {ids[item] for item in best}) for row, best in zip(found, exact, strict=True)
    ]
    assert np.mean(hits) >= 9.7
    is_best = np.isclose(scores[:, 0], exact_scores[:, 0], rtol=1e-4)
    assert is_best.mean() >= 0.98


def test_recall_is_the_share_of_the_exact_answers(vectors, queries, ids):
    class Half:
        def find(self, asked, k, left_out, completes):
            scores = exact_search(vectors, asked, k)[1].copy()
            scores[:, k // 2 :] = -np.inf
            return None, scores

    assert recall(Half(), vectors, queries, 10) == 0.5


def test_what_is_excluded_is_never_answered_and_k_answers_are(vectors, queries, ids):
    config = IndexConfig(kind="hnsw", ef_construction=40, k=10)
    index, _ = build_index(vectors, ids, queries, config)
    best, _ = index.search(queries[:2], 30)
    excluded = [[f" {best[0, 0]}", *best[0, 1:25], "unknown"], []]
    found, _ = index.search(queries[:2], 5, exclude=excluded)
    assert found.tolist() == [best[0, 25:].tolist(), best[1, :5].tolist()]


def test_rows_with_fewer_answers_end_in_nothing(vectors, queries, ids):
    config = IndexConfig(kind="hnsw", k=3)
    index, _ = build_index(vectors[:4], ids[:4], queries, config)
    found, scores = index.search(queries[:1], 6, exclude=[ids[:1]])
    assert set(found[0, :3]) == set(ids[1:4]) and found[0, 3:].tolist() == [""] * 3
    assert np.isneginf(scores[0, 3:]).all()


def test_lists_that_hold_too_few_are_not_the_end(vectors, queries, ids):
    config = IndexConfig(kind="ivf", nlist=50, nprobe=1, k=10)
    index, _ = build_index(vectors, ids, queries, config)
    found, _ = index.search(queries[:3], 1500)
    assert all(len({*row}) == 1500 and "" not in row for row in found.tolist())


def test_a_bad_index_is_refused_and_what_was_there_stays(vectors, queries, ids, model, tmp_path):
    folder = tmp_path / "index"
    good = IndexConfig(kind="ivf", k=10)
    publish_index(folder, model, "1", vectors, ids, queries, good)
    bad = IndexConfig(kind="ivf", nlist=50, nprobe=1, k=10)
    with pytest.raises(InputError, match=r"finds 0\.\d+ of the 10 best .*nprobe \(now 1 of 50"):
        publish_index(folder, model, "1", vectors, ids, queries, bad)
    assert ApproximateIndex.load(folder, model).manifest["settings"]["nlist"] != 50
    assert not list(tmp_path.glob(".*-index"))


def test_what_was_written_is_read_again(vectors, queries, ids, model, tmp_path):
    import pyarrow.parquet as pq

    config = IndexConfig(kind="hnsw", quantise="int8", rescore=4, k=10)
    manifest = publish_index(tmp_path / "index", model, "7", vectors, ids, queries, config)
    index = ApproximateIndex.load(tmp_path / "index", model)
    assert manifest["recall"] >= 0.99 and manifest["model"]["version"] == "7"
    assert manifest["settings"]["ef_search"] >= 64
    assert index.manifest["recall"] == manifest["recall"] and len(index) == ITEMS
    table = pq.read_table(tmp_path / "index" / "vectors.parquet")
    assert table["item_id"].to_pylist() == ids
    assert table["embedding"].type.list_size == DIM
    np.testing.assert_array_equal(table["embedding"][5].as_py(), vectors[5])
    best = exact_search(vectors, queries[:3], 1)[0][:, 0]
    assert index.search(queries[:3], 1)[0][:, 0].tolist() == [ids[item] for item in best]


def test_another_model_and_a_changed_byte_are_refused(vectors, queries, ids, model, tmp_path):
    folder = tmp_path / "index"
    publish_index(folder, model, "1", vectors, ids, queries, IndexConfig(kind="ivf", k=10))
    with pytest.raises(InputError, match="an index of another model"):
        ApproximateIndex.load(folder, _model(tmp_path / "other", "two"))
    with pytest.raises(Damaged, match="is not an approximate index"):
        ApproximateIndex.load(tmp_path, model)
    changed = bytearray((folder / "index.faiss").read_bytes())
    changed[-1] ^= 1
    (folder / "index.faiss").write_bytes(changed)
    with pytest.raises(Damaged, match=r"index\.faiss"):
        ApproximateIndex.load(folder, model)


@pytest.mark.parametrize(
    ("queries", "exclude", "message"),
    [
        (np.zeros((2, 3)), None, r"\[queries, 12\], received \[2, 3\]"),
        (np.full((1, DIM), np.nan), None, "not a finite number"),
        ("abc", None, "query vectors of numbers"),
        (np.zeros((2, DIM)), ["17", "18"], "'17' where a list of ids is expected"),
        (np.zeros((1, DIM)), [[17.0]], "17.0, which is not an id: give text"),
        (np.zeros((2, DIM)), [["a"]], "1 lists of ids, and there are 2 queries"),
    ],
)
def test_queries_of_another_shape_are_refused(vectors, ids, queries, exclude, message):
    asked = np.ones((2, DIM), np.float32)
    index, _ = build_index(vectors[:50], ids[:50], asked, IndexConfig(kind="hnsw", k=5))
    with pytest.raises(InputError, match=message):
        index.search(queries, 2, exclude)
    with pytest.raises(InputError, match=r"k is 2\.5: expected a whole number"):
        index.search(asked, 2.5)


def test_a_graph_of_product_codes_is_refused():
    with pytest.raises(ValueError, match="is for `kind: ivf`"):
        IndexConfig(kind="hnsw", quantise="pq")


def test_the_kind_goes_by_the_size():
    config = IndexConfig()
    assert [config.kind_for(items) for items in (1_000_000, 1_000_001)] == ["hnsw", "ivf"]
    assert [config.lists_for(items) for items in (10, 50_000, 4_000_000)] == [1, 895, 8000]
