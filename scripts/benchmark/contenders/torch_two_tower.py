"""Two tables in plain PyTorch: sparse gradients and Adagrad, shared negatives."""

import numpy as np
import torch
from contender import endless, read_case, serve
from torch.nn import functional


def main() -> None:
    case = read_case()
    torch.set_num_threads(case["threads"])
    torch.manual_seed(1)
    users = torch.from_numpy(np.load(case["pair_users"]).astype(np.int64))
    targets = torch.from_numpy(np.load(case["pair_items"]).astype(np.int64))
    user_table = torch.nn.Embedding(case["users"], case["dim"], sparse=True)
    item_table = torch.nn.Embedding(case["items"], case["dim"], sparse=True)
    optimizer = torch.optim.Adagrad([*user_table.parameters(), *item_table.parameters()], lr=0.05)
    own = torch.arange(case["batch_size"])
    batches = endless(lambda: torch.randperm(len(users)), case["batch_size"])

    def step() -> int:
        chosen = next(batches)
        queries, positives = user_table(users[chosen]), item_table(targets[chosen])
        if case["negatives"] == "in_batch":
            loss = functional.cross_entropy(queries @ positives.T, own)
        else:
            drawn = torch.randint(case["items"], (case["negatives"],))
            positive = (queries * positives).sum(-1, keepdim=True)
            logits = torch.cat([positive, queries @ item_table(drawn).T], dim=1)
            loss = functional.cross_entropy(logits, torch.zeros_like(chosen))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        return len(chosen)

    serve(step)


if __name__ == "__main__":
    main()
