"""This framework, on JAX: training from beginning to end, its steps, its ranking.

Imports the training core alone, so it runs where TensorFlow and what reads logs are missing.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import dataset_of, experiment_of, training_sequences
from operations import mean_context, of_products, per_event
from worker import Task

from recsys.data.dataset import Dataset
from recsys.evaluation.metrics import ranking_metrics
from recsys.evaluation.ranking import Ranker, RetrieverEmbedder, rank
from recsys.models.retriever import ModelConfig, Retriever
from recsys.system.backend import start_backend
from recsys.system.compilation import programs
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.devices import gathers_batches
from recsys.training.fit import fit
from recsys.training.loader import Load, Loader
from recsys.training.precision import dtype_policy
from recsys.training.step_jax import JaxStep

# A step is measured alone for so many seconds.
ALONE = 2.0


def start(task: Task) -> None:
    """Starts JAX, as a training does.

    Raises:
        SystemExit: there is a GPU, and JAX does not see it.
    """
    start_backend()
    import jax

    kinds = {device.platform for device in jax.devices()}
    if task.gpu and "gpu" not in kinds:
        raise SystemExit(f"there is a GPU, and JAX runs on {', '.join(sorted(kinds))}")


def device_of() -> str:
    """What JAX calls the device."""
    import jax

    return jax.devices()[0].device_kind


def train(task: Task) -> dict[str, Any]:
    """An experiment, and the seconds from the start of the process to each of its epochs.

    As ``recsys run`` trains, validates and tests, without baselines, intervals and export.
    """
    start(task)

    settings = task.settings
    if "data" in settings:
        experiment = settings
    else:
        experiment = experiment_of(settings["experiment"], task.packed)
    dataset = dataset_of(experiment["data"], task.packed, task.scratch)
    config = ModelConfig.model_validate(experiment["model"])
    training = TrainingConfig.model_validate(experiment["training"])
    evaluation, seen = experiment["evaluation"], experiment["seen"]
    metric, k, block_size = evaluation["metric"], evaluation["k"], evaluation["block_size"]
    precision = dtype_policy(training.precision)
    retriever = build_retriever(config, dataset, "train", settings["seed"], precision)
    embedder = RetrieverEmbedder(retriever, dataset)
    ranker = Ranker(
        embedder,
        dataset,
        seen,
        max(k),
        block_size,
        every_rank=False,
        candidates=dataset.recommendable("train"),
    )
    queries = dataset.queries("validation")
    # Seconds since the process began, and the validation metric.
    curve: list[tuple[float, float]] = []
    first_programs: dict[str, Any] = {}

    def validate(_: Retriever) -> dict[str, float]:
        embedder.refresh()
        values = ranking_metrics(ranker.rank(queries), k)
        found = {name: float(np.mean(each)) for name, each in values.items()}
        if not curve:
            first_programs.update(programs().as_dict())
        curve.append((round(task.seconds, 2), round(found[metric], 5)))
        task.answer("so_far", curve=curve, programs_of_first_epoch=first_programs)
        return found

    with tempfile.TemporaryDirectory() as folder:
        progress = fit(
            retriever,
            dataset,
            training,
            settings["seed"],
            Path(folder),
            epochs=settings.get("epochs"),
            validate=validate,
            metric=metric,
        )
    ranked = rank(
        RetrieverEmbedder(retriever, dataset),
        dataset,
        dataset.queries("test"),
        seen,
        max(k),
        block_size,
        candidates=dataset.recommendable("train"),
    )
    test = {
        name: round(float(np.mean(values)), 5)
        for name, values in ranking_metrics(ranked, k).items()
        if name.endswith(metric.partition("@")[2])
    }
    worthy = [seconds for seconds, value in curve if value >= settings["worthy"]]
    return {
        "seconds_to_first_epoch": curve[0][0],
        "worthy": settings["worthy"],
        "seconds_to_worthy": min(worthy, default=None),
        "seconds_to_test": round(task.seconds, 2),
        "seconds_of_an_epoch": round((curve[-1][0] - curve[0][0]) / max(len(curve) - 1, 1), 3),
        "epochs": len(curve),
        "best_epoch": progress.best_epoch,
        "validation": {metric: max(value for _, value in curve)},
        "test": test,
        "train_seconds": round(progress.seconds, 2),
        "events_per_second": round(progress.events / progress.seconds),
        "waiting_share": round(progress.waited / progress.seconds, 4),
        "programs_of_first_epoch": first_programs,
        "programs": programs().as_dict(),
        "precision": precision,
        "curve": curve,
        "device": device_of(),
    }


def speed(task: Task) -> dict[str, Any]:
    """Events a second of training: with its input, and of the device alone."""
    start(task)

    dataset = dataset_of(task.settings["data"], task.packed, task.scratch)
    config = ModelConfig.model_validate(task.settings["model"])
    training = TrainingConfig.model_validate(task.settings["training"])
    precision = dtype_policy(training.precision)
    retriever = build_retriever(config, dataset, "train", 1, precision)
    batches = training_batches(retriever, dataset, training)
    on_device = gathers_batches(batches)
    loader = Loader(batches, training.steps_per_dispatch, sys.maxsize, on_device)
    step = JaxStep(retriever, training.optimizer, 100_000)
    first = loader.epoch(0, 0)
    largest = next(first)
    model = config.model_dump()
    sampled = model["loss"].get("negatives")
    outputs = sampled["count"] if sampled else retriever.known_items
    operations = per_event(model, outputs, _context(dataset, config.max_events))
    if task.count:
        loader.close()
        return {"operations_per_event": operations, **_cost(step, largest)}
    losses = step.run(largest.batches, len(largest.weights))
    for load in first:  # the whole epoch: every shape
        losses = step.run(load.batches, len(load.weights))
        largest = max(largest, load, key=lambda each: each.events)
    if not np.isfinite(np.asarray(losses)).all():
        raise SystemExit("the loss is not a number: what was measured would mean nothing")
    warm_seconds = task.seconds
    cost = _cost(step, largest)
    task.ready()

    events = steps = epoch = 0
    waited, pending, began = 0.0, None, time.perf_counter()
    stream = iter(loader.epoch(1, 0))
    while time.perf_counter() - began < task.settings["seconds"]:
        asked = time.perf_counter()
        element = next(stream, None)
        if element is None:
            epoch += 1
            stream = iter(loader.epoch(1 + epoch, 0))
            element = next(stream)
        waited += time.perf_counter() - asked
        losses = step.run(element.batches, len(element.weights))
        if pending is not None:
            np.asarray(pending)  # one call ahead, as training is
        pending = losses
        events += element.events
        steps += len(element.weights)
    np.asarray(pending)
    took = time.perf_counter() - began

    def again() -> Any:
        return step.run(largest.batches, len(largest.weights))

    np.asarray(again())
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < min(ALONE, task.settings["seconds"]):
        results = [again() for _ in range(4)]
        np.asarray(results[-1])
        calls += len(results)
    alone = time.perf_counter() - began
    result: dict[str, Any] = {}
    if task.trace:
        from top_operations import traced

        result["trace"] = traced(lambda: np.asarray(again()), calls=3)
    loader.close()
    alone_rate = largest.events * calls / alone
    return result | {
        "events_per_second": round(events / took),
        "device_alone_events_per_second": round(alone_rate),
        "steps_per_second": round(steps / took, 2),
        "waiting_share": round(waited / took, 4),
        "warm_seconds": round(warm_seconds, 2),
        "gathered_on_device": on_device,
        "operations_per_event": operations,
        "tflops": operations * events / took / 1e12,
        "device_alone_tflops": operations * alone_rate / 1e12,
        "device_alone_step_seconds": alone / calls / len(largest.weights),
        "programs": programs().as_dict(),
        "precision": precision,
        "device": device_of(),
        **cost,
    }


def _context(dataset: Dataset, max_events: int) -> float:
    begins, ends = training_sequences(dataset, max_events)
    # The start, and the events but for the last.
    return mean_context(ends - begins)


def _cost(step: JaxStep, load: Load) -> dict[str, Any]:
    """What a step asks for: products as it is written, bytes by XLA, what the host sends."""
    batches = load.batches
    traced, compiled = step.traced(batches), step.executable(batches)
    memory = compiled.memory_analysis()
    sent = getattr(batches, "table", batches)
    room = len(next(iter(sent.values())))
    return {
        "events_per_step": load.events / len(load.weights),
        "products_step_gflops": of_products(traced.jaxpr) / room / 1e9,
        # XLA counts the body of a loop once: that of the steps, but also those within a step.
        "xla_step_gb": (compiled.cost_analysis() or {}).get("bytes accessed", 0.0) / 1e9,
        # The kernel's name, see recsys/models/query/attention_jax.py.
        "fused_attention": "mha_forward" in compiled.as_text(),
        "xla_working_gb": memory.temp_size_in_bytes / 1e9 if memory else None,
        "sent_bytes_per_step": round(sum(each.nbytes for each in sent.values()) / room),
        "arrays": {name: list(each.shape) for name, each in sent.items()},
    }


def ranking(task: Task) -> dict[str, Any]:
    """Users a second: the best of every item, seen items left out, given all vectors.

    The same queries again and again, as they are asked after every epoch: what is asked is worked
    out once. How long the first time takes, compiled, is told beside it.
    """
    start(task)
    from ours_evaluation import Vectors

    settings = task.settings
    dataset = dataset_of(settings["data"], task.packed, task.scratch)
    users, items = vectors(dataset, settings["dim"])
    embedder = Vectors(users, items)
    ranker = Ranker(embedder, dataset, "exclude", settings["k"], every_rank=False)
    queries = dataset.queries("test")

    def work() -> int:
        return len(ranker.rank(queries).queries)

    work()
    task.ready()
    done, took = task.repeat(work)
    began = time.perf_counter()
    ranker.rank(replace(queries))
    return {
        "users_per_second": round(done / took),
        "users_per_second_at_first": round(len(queries) / (time.perf_counter() - began)),
        "device": device_of(),
    }


def vectors(dataset: Dataset, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Random ones of users and of items."""
    generator = np.random.default_rng(1)
    return (
        generator.normal(size=(dataset.users, dim)).astype(np.float32),
        generator.normal(size=(dataset.items, dim)).astype(np.float32),
    )
