"""How losses of single events become the loss of a batch."""

from keras import ops


def mean_over_events(losses, weights):
    """Weighted mean over real events (weight > 0); 0 for a batch without any.

    A mean over positions would depend on the padding, a sum would couple the
    learning rate to the batch size.

    Args:
        losses: float32 [predictions].
        weights: float32 [predictions].
    """
    # An infinite loss at a position that does not count must not become NaN.
    losses = ops.where(weights > 0, losses, 0.0)
    return ops.sum(losses * weights) / weight_of(weights)


def weight_of(weights):
    """The weight of a batch's events, above 0 even if there are none."""
    return ops.maximum(ops.sum(weights), 1e-9)
