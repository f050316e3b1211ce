"""Plain PyTorch on the device, as a good engineer would write it, and a library's network.

The log lies on the device, batches are trimmed to their longest sequence, the softmax sees real
positions only, attention is PyTorch's own fused one, Adam is fused, and nothing in a step waits
for the device. In float32 products are TensorFloat-32, as JAX's are.
"""

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contender import endless
from datasets import dataset_of, training_sequences
from torch import nn
from torch.nn import functional
from torch_sequence import Attention, Recurrent
from worker import Task

WARM_STEPS = 20
# The host runs ahead of the device by so many steps at most.
AHEAD = 8


def device_of(task: Task) -> torch.device:
    """The GPU, or the CPU of a machine without one.

    Raises:
        SystemExit: there is a GPU, and PyTorch does not see it.
    """
    if task.gpu and not torch.cuda.is_available():
        raise SystemExit("there is a GPU, and PyTorch does not see it")
    torch.manual_seed(1)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    return torch.device("cuda" if task.gpu else "cpu")


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


class Sequences:
    """The training sequences on the device, and batches of some of them.

    Args:
        task: whose dataset they are of.
        device: where they lie.
    """

    def __init__(self, task: Task, device: torch.device) -> None:
        settings = task.settings
        dataset = dataset_of(settings["data"], task.packed, task.scratch)
        begins, ends = training_sequences(dataset, settings["model"]["max_events"])
        self.items = dataset.items
        self._device = device
        self._begins = torch.from_numpy(begins).to(device)
        self._events = torch.from_numpy(np.asarray(dataset.event_items).astype(np.int64)).to(device)
        self._lengths = ends - begins - 1
        size = min(settings["training"]["batch_size"], len(begins))
        self._batches = endless(lambda: np.random.permutation(len(begins)), size)

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """int64 histories [sequences, longest]; places in them flattened, and what follows them."""
        chosen = next(self._batches)
        lengths = self._lengths[chosen]
        longest = int(lengths.max())
        places = np.flatnonzero(np.arange(longest) < lengths[:, None])
        sent = [torch.from_numpy(np.asarray(each)) for each in (chosen, places)]
        if self._device.type == "cuda":
            sent = [each.pin_memory() for each in sent]
        chosen, places = (each.to(self._device, non_blocking=True) for each in sent)
        columns = torch.arange(longest + 1, device=self._device)
        # What lies beyond a sequence is read, and never looked at by what is before it.
        cells = (self._begins[chosen][:, None] + columns).clamp_(max=len(self._events) - 1)
        rows = self._events[cells]
        return rows[:, :-1], places, rows[:, 1:].reshape(-1)[places]


class Plain(nn.Module):
    """An encoder, a table, and the loss."""

    def __init__(self, model: dict[str, Any], items: int) -> None:
        super().__init__()
        encoder = model["query"]["encoder"]
        case = {**encoder, "encoder": encoder["kind"], "dim": model["dim"]}
        case["max_events"] = model["max_events"]
        self.encoder = Attention(case) if encoder["kind"] == "attention" else Recurrent(case)
        self.table = nn.Embedding(items, model["dim"])
        nn.init.normal_(self.table.weight, std=0.02)
        self.negatives = model["loss"].get("negatives", {}).get("count")
        self.items = items

    def forward(self, history, places, targets):
        queries = self.encoder(self.table(history))
        queries = queries.reshape(-1, queries.shape[-1])[places]
        if self.negatives is None:
            return functional.cross_entropy((queries @ self.table.weight.T).float(), targets)
        negatives = torch.randint(self.items, (self.negatives,), device=targets.device)
        positive = (queries * self.table(targets)).sum(-1, keepdim=True)
        logits = queries @ self.table(negatives).T
        logits = logits.masked_fill(negatives == targets[:, None], -math.inf)
        logits = torch.cat([positive, logits], dim=1).float()
        return functional.cross_entropy(logits, torch.zeros_like(targets))


class Library(nn.Module):
    """RecTools' FlatSASRecNet: its own forward pass, the softmax at every position.

    Its feed-forward layer is four times as wide as the model, whatever is asked.
    """

    def __init__(self, model: dict[str, Any], items: int) -> None:
        super().__init__()
        encoder = model["query"]["encoder"]
        self.network = _flat_network()(
            n_items=items,
            n_factors=model["dim"],
            n_blocks=encoder["blocks"],
            n_heads=encoder["heads"],
            session_max_len=model["max_events"],
            dropout=encoder["dropout"],
        )
        self.items = items

    def forward(self, history, places, targets):
        # Its items are numbered from 1; 0 fills up.
        filled = torch.zeros_like(history).reshape(-1)
        filled[places] = history.reshape(-1)[places] + 1
        wanted = torch.full_like(filled, -1)
        wanted[places] = targets
        batch = {"x": filled.reshape(history.shape)}
        logits = self.network(batch | {"y": wanted.reshape(history.shape) + 1})
        logits = logits.reshape(-1, self.items).float()
        return functional.cross_entropy(logits, wanted, ignore_index=-1)


def _flat_network() -> type[nn.Module]:
    """RecTools' class, from its file alone: the package around it needs PyTorch Lightning."""
    package = importlib.util.find_spec("rectools")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("RecTools is not installed", name="rectools")
    file = Path(package.origin).parent / "fast_transformers" / "net.py"
    if not file.is_file():
        raise ModuleNotFoundError("this RecTools has no FlatSASRecNet", name="rectools")
    spec = importlib.util.spec_from_file_location("rectools_net", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FlatSASRecNet


def sequence(task: Task) -> dict[str, Any]:
    """Events a second of training with plain PyTorch."""
    return _trained(task, Plain)


def rectools_sequence(task: Task) -> dict[str, Any]:
    """Events a second of training RecTools' network."""
    return _trained(task, Library)


def _trained(task: Task, kind: Callable[[dict[str, Any], int], nn.Module]) -> dict[str, Any]:
    device, settings = device_of(task), task.settings
    batch = Sequences(task, device)
    model = kind(settings["model"], batch.items).to(device)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    forward = torch.compile(model) if settings["compiled"] else model
    half = settings["precision"] == "mixed_bfloat16"
    taken = 0

    def step() -> int:
        nonlocal taken
        history, places, targets = batch()
        if settings["compiled"]:
            for each in (places, targets):
                torch._dynamo.mark_dynamic(each, 0)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            loss = forward(history, places, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken += 1
        return len(targets)

    for _ in range(WARM_STEPS):
        step()
    _wait(device)
    warm_seconds = task.seconds
    task.ready()

    def work() -> int:
        done = sum(step() for _ in range(AHEAD))
        _wait(device)
        return done

    taken = 0
    done, took = task.repeat(work)
    return {
        "events_per_second": round(done / took),
        "steps_per_second": round(taken / took, 2),
        "warm_seconds": round(warm_seconds, 2),
        "precision": settings["precision"],
        "device": _name(device),
    }


def ranking(task: Task) -> dict[str, Any]:
    """Users a second: a product and a top-k a block, seen items left out, given all vectors."""
    device, settings = device_of(task), task.settings
    dataset = dataset_of(settings["data"], task.packed, task.scratch)
    generator = np.random.default_rng(1)
    users, items = (
        torch.from_numpy(generator.normal(size=(size, settings["dim"])).astype(np.float32))
        for size in (dataset.users, dataset.items)
    )
    users, items = users.to(device), items.to(device)
    begins = np.asarray(dataset.user_offsets[:-1])
    ends = dataset.part_range("validation")[1]
    counts = ends - begins
    rows = np.repeat(np.arange(dataset.users), counts)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    events = np.repeat(begins - offsets[:-1], counts) + np.arange(len(rows))
    seen = torch.from_numpy(np.asarray(dataset.event_items)[events].astype(np.int64)).to(device)
    rows = torch.from_numpy(rows).to(device)
    size = settings["block_size"]

    @torch.inference_mode()
    def work() -> int:
        best = []
        for begin in range(0, len(users), size):
            end = min(begin + size, len(users))
            scores = users[begin:end] @ items.T
            pairs = slice(offsets[begin], offsets[end])
            scores[rows[pairs] - begin, seen[pairs]] = -torch.inf
            best.append(scores.topk(settings["k"]).indices)
        torch.cat(best).cpu()
        return len(users)

    work()
    task.ready()
    done, took = task.repeat(work)
    return {"users_per_second": round(done / took), "device": _name(device)}
