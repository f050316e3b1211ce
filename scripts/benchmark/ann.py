"""Exact against approximate search, by size of the catalogue, as lines of JSON.

    python scripts/benchmark/ann.py RUN --items 50000 1000000 5000000 --kinds hnsw ivf,int8 ivf,pq

Random vectors cannot be searched: all are about equally far from any query. So the vectors are
drawn from those that a run was trained to (a smoothed bootstrap; Silverman, "Density estimation",
1986, section 6.4): one of the run's item vectors x at random, and

    mean + √(1 − h²) (x − mean) + h e,    e normal with the covariance of the run's vectors,

h by Silverman's rule. Mean and covariance, and with them the spectrum, are the run's, and the
unequal lengths and clusters of the trained vectors show through. Queries are the run's own, of
users of its test part.

Each combination of size and kind is a process of its own, whose peak of memory is told. Latency is
that of one query at a time, in one thread.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from recsys.export.ann.build import build_index
from recsys.export.ann.config import IndexConfig
from recsys.export.ann.index import exact_search, library

K, SEED = 100, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", help="folder of a run with an exported model")
    parser.add_argument("--items", type=int, nargs="+", default=[50_000, 1_000_000, 5_000_000])
    parser.add_argument(
        "--kinds", nargs="+", default=["exact", "hnsw", "hnsw,int8", "ivf", "ivf,int8", "ivf,pq"]
    )
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rescore", type=float, default=IndexConfig().rescore)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        arrays = np.load(given.one)
        found = measure(
            arrays["items"], arrays["queries"], given.items[0], given.kinds[0], given.rescore
        )
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.npz"
        items, queries = trained_vectors(given.run, given.queries)
        np.savez(file, items=items, queries=queries)
        for size in given.items:
            for kind in given.kinds:
                command = [sys.executable, __file__, given.run, "--one", str(file)]
                command += ["--items", str(size), "--kinds", kind, "--rescore", str(given.rescore)]
                subprocess.run(command, check=True)


def trained_vectors(run_folder: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of a run's items, and of queries of its users."""
    import recsys
    from recsys.api.indexing import query_vectors

    run = recsys.load(run_folder)
    items = run.embed_items().to_numpy(np.float32)
    return items, query_vectors(run.model, run.dataset, most)


def drawn(trained: np.ndarray, size: int) -> np.ndarray:
    """float32 [size, D]: vectors of the trained ones' mean and covariance."""
    generator = np.random.default_rng(SEED)
    mean, (count, dim) = trained.mean(axis=0), trained.shape
    values, axes = np.linalg.eigh(np.cov(trained, rowvar=False))
    width = (4 / (dim + 2)) ** (1 / (dim + 4)) * count ** (-1 / (dim + 4))
    spread = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
    vectors = np.empty((size, dim), np.float32)
    for begin in range(0, size, 100_000):
        end = min(begin + 100_000, size)
        chosen = trained[generator.integers(count, size=end - begin)]
        noise = generator.standard_normal((end - begin, dim), dtype=np.float32) @ spread
        vectors[begin:end] = mean + np.sqrt(1 - width**2) * (chosen - mean) + width * noise
    return vectors


def measure(
    trained: np.ndarray, queries: np.ndarray, size: int, kind: str, rescore: float
) -> dict[str, object]:
    """One line: recall, latency, memory and build time."""
    vectors = drawn(trained, size)
    before = peak_memory()
    line: dict[str, object] = {"items": size, "dim": vectors.shape[1], "kind": kind, "k": K}
    if kind == "exact":
        line |= {"recall": 1.0, "build_seconds": 0.0}
        line |= latency(lambda query: exact_search(vectors, query, K), queries)
    else:
        name, _, quantise = kind.partition(",")
        config = IndexConfig.model_validate(
            {"kind": name, "quantise": quantise or None, "k": K, "rescore": rescore}
        )
        ids = [str(number) for number in range(size)]
        index, measured = build_index(vectors, ids, queries, config)
        effort = index.config.ef_search if name == "hnsw" else index.config.nprobe
        line |= {**measured, "effort": effort}
        line["index_mib"] = round(library().serialize_index(index.faiss_index).nbytes / 2**20, 1)
        line |= latency(lambda query: index.search(query, K), queries)
    return {**line, "vectors_mib": round(vectors.nbytes / 2**20, 1), "peak_gib": peak_memory(),
            "peak_before_gib": before}  # fmt: skip


def latency(search: Callable[[np.ndarray], object], queries: np.ndarray) -> dict[str, float]:
    """Milliseconds of single queries, after a few that are not counted."""
    times = []
    limits = threadpool_limits(1)
    for number in range(len(queries) + 5):
        query = queries[number % len(queries)][None]
        started = time.perf_counter()
        search(query)
        times.append(1000 * (time.perf_counter() - started))
    limits.restore_original_limits()
    p50, p99 = np.percentile(times[5:], [50, 99])
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def peak_memory() -> float:
    """The most that this process has held, in GiB."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 3)


if __name__ == "__main__":
    main()
