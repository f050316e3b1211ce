"""Prints what the training step of attention models is lowered to for an NVIDIA card.

Usage: attention_check.py FOLDER, on JAX. Needs no card: a program is lowered for another platform
than its own, and the kernel's Python is interpreted where it is to be run. Prints one JSON line:

- ``lowered``: by model, the ``kernels`` called, how many ``lanes`` each of them is given, and the
  shapes of the tensors of float32 with four axes or more, as text;
- ``products``: by precision of products, how the kernels of a float32 gradient are written;
- ``losses``: of the first steps, by path.
"""

import json
import re
import sys
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from recsys.models.query import attention, attention_jax, attention_path
from recsys.models.retriever import ModelConfig
from recsys.training.batches import training_batches
from recsys.training.build import build_retriever
from recsys.training.config import TrainingConfig
from recsys.training.optimizer import OptimizerConfig
from recsys.training.step_jax import JaxStep
from tests.datasets import write_dataset

MODELS = {
    "sasrec": ({}, 40),
    "ligr": ({"block": "ligr"}, 40),
    "relative": ({"positions": "relative"}, 300),
    "hstu": ({"block": "hstu", "times": True}, 300),
}


def step_of(dataset, encoder: dict, events: int, precision: str = "float32"):
    """A step, the arrays of its first batches, and their lanes, positions and heads."""
    model = {
        "dim": 32,
        "max_events": events,
        "query": {"encoder": {"kind": "attention", "dropout": 0.0, **encoder}},
    }
    training = TrainingConfig(batch_size=8)
    retriever = build_retriever(ModelConfig.model_validate(model), dataset, "train", 1, precision)
    batches = training_batches(retriever, dataset, training, shares=len(jax.local_devices()))
    sample = batches.sample(0)
    dispatch = next(batches.dispatches(sample, 2))
    steps = [batches.batch(dispatch, step, sample) for step in range(2)]
    stacked = {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    return JaxStep(retriever, OptimizerConfig(), 10), stacked


def lowered(step: JaxStep, stacked: dict[str, np.ndarray]) -> dict:
    """What the step is lowered to for a card."""
    text = step.traced(stacked).lower(lowering_platforms=("cuda",)).as_text()
    kernels = re.findall(r'@__gpu\$xla\.gpu\.triton\(.*? name = "(\w+)".* : \(tensor<(\d+)x', text)
    return {
        "kernels": Counter(name for name, _ in kernels),
        "lanes": sorted({int(lanes) for _, lanes in kernels}),
        "float32": sorted(set(re.findall(r"tensor<((?:\d+x){3}\d+)xf32>", text))),
        "batch": stacked["segment_ids"].shape[1:],
    }


def kernels(precision: str) -> list[str]:
    """The kernels of a gradient, as they are sent to Triton."""
    vectors = jax.ShapeDtypeStruct((1, 2, 64, 16), jnp.float32)
    attend = jax.grad(lambda query: attention_jax.fused_attention(query, query, query).sum())
    with jax.default_matmul_precision(precision):
        text = jax.jit(attend).trace(vectors).lower(lowering_platforms=("cuda",)).as_text()
    return re.findall(r'backend_config = {(.*?), name = "mha_(?:for|back)ward"', text)


def take_cpus_for_cards() -> None:
    """Lets programs be lowered for a card where there is none."""
    attention_path.on_accelerator = lambda: True
    attention_path.oldest_capability = lambda: 9.0
    with suppress(ImportError):  # JAX 0.10 takes any device for an H100
        from jax._src.pallas.triton import gpu_info

        gpu_info.registry["cpu"] = partial(
            gpu_info.get_gpu_info_from_version, gpu_info.GpuVersion.H100
        )


def main() -> None:
    generator = np.random.default_rng(0)
    lengths = [*generator.integers(3, 60, 40), 300]
    users = [[generator.integers(0, 50, n).tolist(), [1], [2]] for n in lengths]
    dataset = write_dataset(Path(sys.argv[1]) / "dataset", users, 50)
    take_cpus_for_cards()
    found = {
        f"{name}, {precision}": lowered(*step_of(dataset, *model, precision))
        for name, model in MODELS.items()
        for precision in ("float32", "mixed_bfloat16")
    }
    products = {each: kernels(each) for each in ("default", "tensorfloat32", "highest")}
    attention.attention_path = lambda *arguments: "plain"
    found |= {f"{name}, plain": lowered(*step_of(dataset, *MODELS[name])) for name in MODELS}
    losses = {}
    fused = attention_jax.fused_attention
    attention_jax.fused_attention = partial(fused, interpret=True)
    for path in ("plain", "fused"):
        attention.attention_path = lambda *arguments, path=path: path
        step, stacked = step_of(dataset, *MODELS["sasrec"])
        losses[path] = np.asarray(step.run(stacked)).tolist()
    devices = len(jax.local_devices())
    print(
        json.dumps({"lowered": found, "products": products, "losses": losses, "devices": devices})
    )


if __name__ == "__main__":
    main()
