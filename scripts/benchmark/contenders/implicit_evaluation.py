"""``recommend`` of implicit's matrix factorisation: best 20, seen items left out."""

import numpy as np
from contender import read_case, serve
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse


def main() -> None:
    case = read_case()
    model = AlternatingLeastSquares(num_threads=case["threads"])
    model.user_factors = np.load(case["user_vectors"])
    model.item_factors = np.load(case["item_vectors"])
    offsets, seen = np.load(case["seen_offsets"]), np.load(case["seen_items"])
    shape = (len(model.user_factors), len(model.item_factors))
    matrix = sparse.csr_matrix((np.ones(len(seen), np.float32), seen, offsets), shape)
    everybody = np.arange(shape[0])

    def work() -> int:
        for begin in range(0, shape[0], case["batch_size"]):
            users = everybody[begin : begin + case["batch_size"]]
            model.recommend(users, matrix[users], N=case["k"], filter_already_liked_items=True)
        return shape[0]

    serve(work)


if __name__ == "__main__":
    main()
