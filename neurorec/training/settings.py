"""How a network is to be trained."""

from dataclasses import dataclass
from typing import Literal

import optax

from neurorec.recording import InputError

Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; every field has a default that suits most tasks.

    Parameters
    ----------
    n_steps : int
        Most updates of the weights.
    batch : int
        Trials per update.
    learning_rate : float
        Of Adam (Kingma & Ba 2015, arXiv:1412.6980).
    schedule : {"constant", "cosine"}
        Whether the learning rate stays, or falls to a hundredth along half a cosine over `n_steps`.
    clip : float
        Largest norm of the gradient, longer ones are shortened to it (Pascanu et al. 2013, arXiv:1211.5063);
        0: none is.
    window : tuple of int, optional
        Truncated backpropagation through time: ``(k1, k2)``, after every k1 time steps the error of those k1 is sent
        back k2 steps; ``(1, 1)`` is Elman's original. By default errors go back to the beginning.
    weight_penalty : float
        Added to the loss: this times the sum of the squared trained weights (matrices only).
    rate_penalty : float
        Added to the loss: this times the mean squared activity, over units and the steps of trials.
    check_every : int
        Updates between looks at the held-out trials; a checkpoint is written then.
    n_held_out : int
        Held-out trials that decide when training ends; four times as many others confirm it, and as many give the
        test score.
    patience : int
        Looks without a better score or a lower loss after which training ends; 0: never.
    criterion : float, optional
        Score at which training ends, on the held-out trials and on those that confirm it; by default the task's own.

    Examples
    --------
    >>> TrainingSettings(learning_rate=3e-3).batch
    64
    """

    n_steps: int = 5000
    batch: int = 64
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    clip: float = 1.0
    window: tuple[int, int] | None = None
    weight_penalty: float = 0.0
    rate_penalty: float = 0.0
    check_every: int = 50
    n_held_out: int = 512
    patience: int = 0
    criterion: float | None = None

    def __post_init__(self) -> None:
        for name in ("n_steps", "batch", "check_every", "n_held_out", "learning_rate"):
            _at_least(name, getattr(self, name), 0, above=True)
        for name in ("clip", "weight_penalty", "rate_penalty", "patience"):
            _at_least(name, getattr(self, name), 0)
        if self.schedule not in ("constant", "cosine"):
            found = repr(self.schedule)
            raise InputError("schedule", expected="'constant' or 'cosine'", found=found, remedy="name one of them")
        if self.window is not None and not 1 <= self.window[0] <= self.window[1]:
            remedy = "k1 steps are learnt from at a time, and k2 of them or more looked back through"
            raise InputError("window", expected="(k1, k2) with 1 <= k1 <= k2", found=str(self.window), remedy=remedy)

    def optimiser(self) -> optax.GradientTransformation:
        """Adam, with its schedule, behind the clip."""
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate = optax.cosine_decay_schedule(rate, self.n_steps, alpha=0.01)
        clip = optax.clip_by_global_norm(self.clip) if self.clip else optax.identity()
        return optax.chain(clip, optax.adam(rate))


def _at_least(name: str, value: float, least: float, *, above: bool = False) -> None:
    if not (value > least if above else value >= least):
        expected = f"{'more than' if above else 'at least'} {least:g}"
        raise InputError(name, expected=expected, found=repr(value), remedy="see TrainingSettings")
