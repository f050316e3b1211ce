"""Plain PyTorch as a good engineer would write it: LSTM, GRU or causal attention.

Batches are trimmed to their longest history, the softmax sees real positions only,
attention is PyTorch's own fused one.
"""

import math

import numpy as np
import torch
from contender import endless, read_case, serve
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Pre-norm attention and a feed-forward layer (SASRec)."""

    def __init__(self, dim: int, heads: int, dropout: float, feed_forward: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.projection = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        self.hidden = nn.Linear(dim, feed_forward * dim)
        self.hidden_output = nn.Linear(feed_forward * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states):
        batch, length, dim = states.shape
        projected = self.projection(self.norms[0](states))
        heads = projected.view(batch, length, 3, self.heads, dim // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        attended = attended.transpose(1, 2).reshape(batch, length, dim)
        states = states + self.dropout(self.output(attended))
        hidden = self.dropout(functional.relu(self.hidden(self.norms[1](states))))
        return states + self.dropout(self.hidden_output(hidden))


class Attention(nn.Module):
    """Causal attention over item vectors."""

    def __init__(self, case: dict) -> None:
        super().__init__()
        dim = case["dim"]
        self.dim = dim
        self.positions = nn.Embedding(case["max_events"], dim)
        self.dropout = nn.Dropout(case["dropout"])
        block = dim, case["heads"], case["dropout"], case.get("feed_forward", 1)
        self.blocks = nn.Sequential(*(Block(*block) for _ in range(case["blocks"])))
        self.norm = nn.LayerNorm(dim)

    def forward(self, vectors):
        vectors = vectors * math.sqrt(self.dim) + self.positions.weight[: vectors.shape[1]]
        return self.norm(self.blocks(self.dropout(vectors)))


class Recurrent(nn.Module):
    """An LSTM, or a GRU, over item vectors."""

    def __init__(self, case: dict) -> None:
        super().__init__()
        self.dropout = nn.Dropout(case["dropout"])
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[case["encoder"]]
        self.network = kind(case["dim"], case["units"], batch_first=True)
        self.projection = nn.Linear(case["units"], case["dim"])

    def forward(self, vectors):
        return self.projection(self.dropout(self.network(self.dropout(vectors))[0]))


def main() -> None:
    case = read_case()
    torch.set_num_threads(case["threads"])
    torch.manual_seed(1)
    events = torch.from_numpy(np.load(case["row_items"]))
    rows = torch.tensor_split(events, torch.from_numpy(np.load(case["row_offsets"])[1:-1]))
    items = case["items"]
    encoder = Attention(case) if case["encoder"] == "attention" else Recurrent(case)
    table = nn.Embedding(items, case["dim"])
    nn.init.normal_(table.weight, std=0.02)
    optimizer = torch.optim.Adam([*encoder.parameters(), *table.parameters()], fused=True)
    batches = endless(lambda: np.random.permutation(len(rows)), case["batch_size"])

    def step() -> int:
        chosen = [rows[index] for index in next(batches)]
        history = nn.utils.rnn.pad_sequence([row[:-1] for row in chosen], batch_first=True)
        targets = torch.cat([row[1:] for row in chosen]).long()
        lengths = torch.tensor([len(row) - 1 for row in chosen])
        real = torch.arange(history.shape[1]) < lengths[:, None]
        queries = encoder(table(history.long()))[real]
        if case["loss"] == "cross_entropy":
            logits = queries @ table.weight.T
            loss = functional.cross_entropy(logits, targets)
        else:
            negatives = torch.randint(items, (case["negatives"],))
            positive = (queries * table(targets)).sum(-1, keepdim=True)
            logits = queries @ table(negatives).T
            logits = logits.masked_fill(negatives == targets[:, None], -math.inf)
            logits = torch.cat([positive, logits], dim=1)
            loss = functional.cross_entropy(logits, torch.zeros_like(targets))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        return len(targets)

    serve(step)


if __name__ == "__main__":
    main()
