"""A matrix product and a top-k in PyTorch over blocks of users; seen items masked, or not."""

import numpy as np
import torch
from contender import read_case, serve


def main() -> None:
    case = read_case()
    torch.set_num_threads(case["threads"])
    users = torch.from_numpy(np.load(case["user_vectors"]))
    items = torch.from_numpy(np.load(case["item_vectors"]))
    offsets, seen = np.load(case["seen_offsets"]), np.load(case["seen_items"]).astype(np.int64)
    size = case["batch_size"]

    @torch.inference_mode()
    def work() -> int:
        for begin in range(0, len(users), size):
            scores = users[begin : begin + size] @ items.T
            if case["mask"]:
                ends = offsets[begin : begin + size + 1]
                rows = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
                columns = torch.from_numpy(seen[ends[0] : ends[-1]])
                scores[torch.from_numpy(rows), columns] = -torch.inf
            scores.topk(case["k"])
        return len(users)

    serve(work)


if __name__ == "__main__":
    main()
