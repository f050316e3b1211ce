"""The rate of a matrix product, in million operations: what a trainer is held against."""

import numpy as np
import tensorflow as tf
from contender import read_case, serve

SIZE = 1024


def main() -> None:
    read_case()
    left, right = (tf.constant(np.random.rand(SIZE, SIZE), tf.float32) for _ in range(2))

    def work() -> int:
        for _ in range(10):
            product = tf.matmul(left, right)
        product.numpy()
        return 10 * 2 * SIZE**3 // 10**6

    serve(work)


if __name__ == "__main__":
    main()
