"""Differential privacy of users: what is asked for, what would break it, and what it costs.

The mechanism itself is in :mod:`recsys.training.private_step_jax`, what it is given in
:mod:`recsys.data.batches.user_batches`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from recsys.config import StrictConfig
from recsys.errors import InputError
from recsys.system.extras import require
from recsys.training.checkpoint import load_checkpoint, save_checkpoint

if TYPE_CHECKING:
    from recsys.models.retriever import ModelConfig

# Less noise than this is not worth its name, and takes the accountant long.
LEAST_NOISE = 0.3
# How close the noise multiplier is to the least that keeps the promise.
TOLERANCE = 1e-3
# Width of the accountant's histograms: a tenth of a per cent of epsilon is given away for a tenth
# of the time of dp-accounting's default.
DISCRETISATION = 1e-3
SECRET = "secret.npz"
SECRET_WORDS = 4


class RowSelectionConfig(StrictConfig):
    """Which rows of the item table a step changes, with a loss against negatives.

    DP-AdaFEST: Ghazi et al., "Sparsity-Preserving Differentially Private Training of Large
    Embedding Models" (2023).
    """

    share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="of the budget (of 1 / noise multiplier²), what choosing the rows spends; the "
        "gradients spend the rest",
    )
    threshold: float = Field(
        2.0,
        description="a row is chosen where its count of users, with noise, is above so many "
        "standard deviations of the noise: 2 chooses 2 % of the rows that nobody has",
    )


class PrivacyConfig(StrictConfig):
    """Differential privacy of each user: DP-Adam or DP-Adagrad.

    Abadi et al., "Deep Learning with Differential Privacy" (2016); for users instead of examples,
    McMahan et al., "Learning Differentially Private Recurrent Language Models" (2018).
    """

    epsilon: float = Field(
        gt=0, description="a user changes the probability of any weights by a factor e^epsilon"
    )
    delta: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="but for events of this probability; below 1 / users. null: users^-1.1",
    )
    clip_norm: float = Field(
        1.0, gt=0, description="length that a user's gradient, over all weights, is cut down to"
    )
    row_selection: RowSelectionConfig = Field(
        RowSelectionConfig(), description="which rows of the item table a step changes"
    )


@dataclass(frozen=True)
class Mechanism:
    """What a training does for its promise; the same in every step.

    Attributes:
        epsilon, delta: the promise, as the accountant finds it for the noise.
        clip_norm: of a user's gradient.
        noise_multiplier: standard deviation of the noise over ``clip_norm``, of both parts of a
            step together.
        gradient_noise: the same of the gradients alone.
        row_noise: standard deviation of the noise on the counts of users; None where rows are not
            chosen, as every step changes all.
        row_threshold: that a count must exceed.
        users: that may be drawn.
        sampling_rate: probability with which a step draws each user.
        steps: of the training.
        accountant: who says so.
    """

    epsilon: float
    delta: float
    clip_norm: float
    noise_multiplier: float
    gradient_noise: float
    row_noise: float | None
    row_threshold: float | None
    users: int
    sampling_rate: float
    steps: int
    accountant: str

    @property
    def expected_users(self) -> float:
        """Of a step."""
        return self.users * self.sampling_rate

    def as_dict(self) -> dict[str, Any]:
        """What a run records."""
        return {"unit": "user", "neighbours": "with or without a user", **vars(self)}


def mechanism(
    config: PrivacyConfig, users: int, sampling_rate: float, steps: int, selects_rows: bool
) -> Mechanism:
    """The least noise that keeps a promise.

    A step publishes which rows it changes and the noisy gradients of these: two Gaussian
    mechanisms on the same users, which together are one whose multiplier is
    ``(row_noise^-2 + gradient_noise^-2)^-1/2`` (Dong et al., "Gaussian Differential Privacy",
    2022). Drawing users amplifies that, and steps compose, as privacy loss distributions have it
    (Google's dp-accounting; its figures are upper bounds).

    Args:
        config: the promise.
        users: that may be drawn.
        sampling_rate: probability with which a step draws each user.
        steps: of the training.
        selects_rows: whether steps choose the rows that they change.

    Raises:
        InputError: ``delta`` is not below 1 / users, or the promise takes more noise than makes
            sense.
        MissingExtra: dp-accounting is not installed.
    """
    delta = users**-1.1 if config.delta is None else config.delta
    if delta >= 1 / users:
        raise InputError(
            f"training.privacy.delta is {delta:g}, and must be below 1 / users ({1 / users:.2g}): "
            "a mechanism that publishes one user as a whole has that delta. Lower it, or leave it "
            "out"
        )
    noise = noise_multiplier(config.epsilon, delta, sampling_rate, steps)
    row_noise = threshold = None
    gradient_noise = noise
    if selects_rows:
        share = config.row_selection.share
        row_noise = noise / share**0.5
        gradient_noise = noise / (1 - share) ** 0.5
        threshold = config.row_selection.threshold * row_noise
    return Mechanism(
        epsilon=spent(noise, delta, sampling_rate, steps),
        delta=delta,
        clip_norm=config.clip_norm,
        noise_multiplier=noise,
        gradient_noise=gradient_noise,
        row_noise=row_noise,
        row_threshold=threshold,
        users=users,
        sampling_rate=sampling_rate,
        steps=steps,
        accountant=f"PLD, dp-accounting {_version()}",
    )


def spent(noise: float, delta: float, sampling_rate: float, steps: int) -> float:
    """The epsilon of a training; an upper bound.

    Args:
        noise: the noise multiplier.
        delta, sampling_rate, steps: see :class:`Mechanism`.
    """
    require("dp_accounting", extra="privacy", what="training.privacy")
    accountant = _accountant()
    accountant.compose(_event(noise, sampling_rate, steps))
    return float(accountant.get_epsilon(delta))


@cache
def noise_multiplier(epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
    """The least noise multiplier with which a training spends at most ``epsilon``.

    Args:
        epsilon, delta, sampling_rate, steps: see :class:`Mechanism`.

    Raises:
        InputError: none does.
    """
    if spent(LEAST_NOISE, delta, sampling_rate, steps) <= epsilon:
        return LEAST_NOISE
    import dp_accounting as dp

    try:
        return float(
            dp.calibrate_dp_mechanism(
                _accountant,
                lambda noise: _event(noise, sampling_rate, steps),
                epsilon,
                delta,
                dp.LowerEndpointAndGuess(LEAST_NOISE, 2 * LEAST_NOISE),
                tol=TOLERANCE,
            )
        )
    except (dp.mechanism_calibration.NoBracketIntervalFoundError, RuntimeError) as error:
        raise InputError(
            f"training.privacy.epsilon {epsilon:g} at delta {delta:g}: no noise was found that "
            f"keeps it over {steps} steps. Raise it, or lower training.epochs"
        ) from error


def _accountant() -> Any:
    from dp_accounting import pld

    return pld.PLDAccountant(value_discretization_interval=DISCRETISATION)


def _event(noise: float, sampling_rate: float, steps: int) -> Any:
    import dp_accounting as dp

    gaussian = dp.GaussianDpEvent(noise)
    of_step = gaussian if sampling_rate == 1 else dp.PoissonSampledDpEvent(sampling_rate, gaussian)
    return dp.SelfComposedDpEvent(of_step, steps)


def _version() -> str:
    from importlib.metadata import version

    return version("dp-accounting")


def check_privacy(model: "ModelConfig", backend: str, devices: int = 1) -> None:
    """Refuses a model whose training would not keep the promise.

    What :class:`recsys.training.config.TrainingConfig` says is refused there.

    Args:
        model: that is to be trained.
        backend: of Keras.
        devices: that share a batch.

    Raises:
        InputError: all that is in the way, in one message.
        MissingExtra: dp-accounting is not installed.
    """
    found: list[str] = []
    if backend != "jax":
        found.append(f"training runs on {backend}: set KERAS_BACKEND=jax")
    if devices > 1:
        found.append(f"{devices} devices are visible: choose one with CUDA_VISIBLE_DEVICES=0")
    negatives = getattr(model.loss, "negatives", None)
    if negatives is not None and negatives.kind != "uniform":
        found.append(
            f"model.loss.negatives are {negatives.kind}, which follow from other users' events: "
            "set model.loss.negatives.kind: uniform, or use the loss cross_entropy"
        )
    if model.query.user_id:
        found.append(
            "model.query.user_id gives each user a vector of their own, which nothing could hide: "
            "set it to false"
        )
    if model.item.cold_start is not None:
        found.append(
            "model.item.cold_start adds a term of items to the loss, which would count once for "
            "each user: remove it"
        )
    if found:
        raise InputError("training.privacy cannot be kept: " + "; ".join(found))
    require("dp_accounting", extra="privacy", what="training.privacy")


def secret_of(folder: Path) -> Sequence[int]:
    """The secret that users are drawn and noise is made by, 128 bits as four words.

    Anyone who knows it can take the noise away again, so it follows from no seed: the operating
    system gives it when a training begins. A training that goes on reads it from its checkpoints'
    folder (mode 600), where :func:`keep_secret` puts it; :func:`forget_secret` ends it with the
    training.

    Args:
        folder: of the checkpoints.

    Raises:
        Damaged: it is not what was written.
    """
    path = folder / SECRET
    if not path.is_file():
        return [secrets.randbits(32) for _ in range(SECRET_WORDS)]
    return [int(word) for word in load_checkpoint(path)[0]["words"]]


def keep_secret(folder: Path, words: Sequence[int]) -> None:
    """Writes it down; see :func:`secret_of`."""
    save_checkpoint(folder / SECRET, {"words": np.array(words, dtype=np.uint32)}, {})


def forget_secret(folder: Path) -> None:
    """Removes it; see :func:`secret_of`."""
    (folder / SECRET).unlink(missing_ok=True)
