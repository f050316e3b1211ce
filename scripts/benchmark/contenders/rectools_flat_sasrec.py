"""RecTools' FlatSASRecNet (its fast path since 0.19), fed by its own sequences and dataset.

RecTools gives a network and no training for it: the loop is the one of its UniSRec, softmax over
all items at every position. Its feed-forward layer is four times as wide as the model, fixed, so
it does more than the others do.
"""

import numpy as np
import torch
from contender import read_case, serve
from rectools.fast_transformers import FlatSASRecNet, SequenceBatchDataset, build_sequences
from torch.nn import functional
from torch.utils.data import DataLoader


def main() -> None:
    case = read_case()
    torch.set_num_threads(case["threads"])
    torch.manual_seed(1)
    events = torch.from_numpy(np.load(case["row_items"])).long()
    offsets = np.load(case["row_offsets"])
    users = torch.from_numpy(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)))
    x, y, items, _ = build_sequences(users, events, torch.arange(len(events)), case["max_events"])
    net = FlatSASRecNet(
        len(items),
        case["dim"],
        case["blocks"],
        case["heads"],
        case["max_events"],
        case["dropout"],
    )
    optimizer = torch.optim.Adam(net.parameters())
    loader = DataLoader(
        SequenceBatchDataset(x, y), case["batch_size"], shuffle=True, drop_last=True
    )

    def batches():
        while True:
            yield from loader

    stream = batches()

    def step() -> int:
        batch = next(stream)
        logits = net(batch)
        targets = batch["y"] - 1
        targets[targets < 0] = -100  # padding
        loss = functional.cross_entropy(
            logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-100
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        return int((batch["y"] != 0).sum())

    serve(step)


if __name__ == "__main__":
    main()
