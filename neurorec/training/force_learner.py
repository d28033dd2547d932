"""What learns by FORCE: weights, step by step, with the errors that they make."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from tqdm import tqdm

from neurorec.networks import Leaky, Network
from neurorec.recording import InputError, check_array
from neurorec.tasks import check_trials
from neurorec.training.chaotic import plain_recurrent
from neurorec.training.recursive_least_squares import InverseCorrelation, InverseCorrelations

_SPARSE = 0.3  # share of weights below which a product by those that exist is the faster one
_VALUE: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(0.5 * x)),
    "linear": lambda x: x,
}


class Lesson(NamedTuple):
    """What is to be learned, trial by trial; one trial where there are none."""

    inputs: NDArray[np.float64]  # (trial, time, input)
    targets: NDArray[np.float64]  # (trial, time, output)
    asked: NDArray[np.bool_]  # (trial, time)
    goes_on: bool  # whether a trial begins where the one before ended


def lesson_of(network: Network, targets: ArrayLike | xr.Dataset, inputs: ArrayLike | None) -> Lesson:
    """Whatever was given, trial by trial, if it fits the network."""
    if isinstance(targets, xr.Dataset):
        trials = check_trials(targets)
        given, asked = trials["inputs"].values.astype(float), trials["mask"].values > 0
        lesson = Lesson(given, trials["targets"].values.astype(float), asked, False)
    else:
        wanted = check_array("targets", targets, "(time, output)")
        n_steps = wanted.shape[0] if wanted.ndim else 0
        given = np.zeros((n_steps, network.n_inputs))
        given = given if inputs is None else check_array("inputs", inputs, "(time, input)")
        lesson = Lesson(given[None], wanted[None], np.ones((1, n_steps), dtype=bool), True)
    sizes = (network.n_inputs, network.n_outputs)
    finite = np.isfinite(lesson.targets).all() and np.isfinite(lesson.inputs).all()
    shapes = [array.shape for array in (lesson.inputs, lesson.targets)]
    fits = all(len(shape) == 3 for shape in shapes) and tuple(shape[-1] for shape in shapes) == sizes
    if not (finite and fits and shapes[0][:2] == shapes[1][:2] and shapes[1][1]):
        expected = f"finite, (time, {sizes[1]}) and inputs (time, {sizes[0]})"
        found = f"{shapes[1][1:]} and {shapes[0][1:]}{'' if finite else ', nan or inf'}"
        raise InputError("targets", expected=expected, found=found, remedy="give each step a row, of as many channels")
    return lesson


def spread_of(lesson: Lesson) -> float:
    """Standard deviation of the targets where they are asked, over all outputs."""
    asked = lesson.targets[lesson.asked]
    return float(np.sqrt(np.mean((asked - asked.mean(axis=0)) ** 2))) or 1.0


class Learner:
    """Weights, and what learns them."""

    def __init__(
        self,
        network: Network,
        cell: Leaky,
        feedback: NDArray[np.float64],
        internal: bool,
        plastic: NDArray[np.bool_] | None,
        penalty: float,
        every: int,
    ) -> None:
        self.whole, self.cell, self.every = network, cell, every
        weights = plain_recurrent(cell)
        self.inward, self.bias = (np.asarray(a, dtype=float) for a in (cell.input, cell.bias))
        self.output, self.output_bias = (np.array(a, dtype=float) for a in (network.output, network.output_bias))
        self.begin = self.output.copy()
        self.feedback, self.internal = feedback, internal
        self.inverse = InverseCorrelation(network.n_units, penalty=penalty)
        self.last: NDArray[np.float64] | None = None  # output that comes back next, where it goes on
        self.many = None if plastic is None else InverseCorrelations(plastic, penalty=penalty)
        if plastic is None:
            sparse = np.count_nonzero(weights) < _SPARSE * weights.size
            self.recurrent: Any = csr_array(weights) if sparse else weights
            self.fixed: Any = None
        else:  # weights that learn exist, also where they are 0 now
            place = np.nonzero(plastic)
            self.recurrent = csr_array((weights[place], place), shape=weights.shape)
            self.fixed = csr_array(np.where(plastic, 0.0, weights))

    def learn(
        self, lesson: Lesson, start: NDArray[np.float64], n_passes: int, progress: bool
    ) -> tuple[xr.Dataset, NDArray[np.float64]]:
        """Go through all of it; the curve, and the state at the end."""
        n_trials, n_steps, _ = lesson.targets.shape
        changes, errors, times, passes = [], [], [], []
        state = start.copy()
        spread = spread_of(lesson)
        with tqdm(total=n_passes * n_trials * n_steps, disable=None if progress else True, unit="step", delay=2) as bar:
            for number in range(n_passes):
                before, squares = self.output.copy(), 0.0
                for trial in range(n_trials):
                    state = state if lesson.goes_on else start.copy()
                    shift = (number * n_trials + trial) * n_steps
                    for t, change, error in self._trial(state, lesson, trial, None):
                        changes.append(change)
                        errors.append(error)
                        times.append((shift + t + 1) * self.cell.dt)
                        squares += error**2
                    bar.update(n_steps)
                seen = len(errors) - sum(entry[2] for entry in passes)
                moved = np.linalg.norm(self.output - before) / max(float(np.linalg.norm(self.output)), 1e-300)
                passes.append((np.sqrt(squares / max(seen, 1)) / spread, moved, seen))
                self._check(state)
        kept = {"weight_change": ("update", np.array(changes)), "error": ("update", np.array(errors))}
        told = np.array([entry[:2] for entry in passes])
        kept |= {"pass_error": ("pass", told[:, 0]), "pass_change": ("pass", told[:, 1])}
        return xr.Dataset(kept, coords={"time": ("update", np.array(times), {"units": "s"})}), state

    def network(self, initial: NDArray[np.float64]) -> Network:
        """What was learned, as a network that runs by itself."""
        if self.many is not None:
            weights = self.recurrent.toarray() + self.fixed.toarray()
        else:
            weights = plain_recurrent(self.cell) + self.feedback @ (
                self.output - (self.begin if self.internal else 0.0)
            )
        bias = self.bias if self.internal else self.bias + self.feedback @ self.output_bias
        arrays = tuple(jnp.asarray(a, dtype=jnp.float32) for a in (weights, bias, self.output, initial))
        return eqx.tree_at(lambda n: (n.cell.recurrent, n.cell.bias, n.output, n.initial), self.whole, arrays)

    def rehearse(self, lesson: Lesson, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outputs ``(trial, time, output)`` with learning off; where it goes on, each trial after the one before."""
        outputs, state, self.last = np.empty(lesson.targets.shape), start.copy(), None
        for trial, row in enumerate(outputs):
            state = state if lesson.goes_on else start.copy()
            for _ in self._trial(state, lesson, trial, row):
                pass
        return outputs

    def _trial(
        self, state: NDArray[np.float64], lesson: Lesson, trial: int, outputs: NDArray[np.float64] | None
    ) -> Iterator[tuple[int, float, float]]:
        """Step through a trial, `state` in place; at each update its step, the change of weights, and the error.

        Into `outputs (time, output)`, where there are some, without an update.
        """
        leak, rates_are_state = self.cell.leak, self.cell.form == "rate"
        value, given = _VALUE[self.cell.nonlinearity], lesson.inputs[trial]
        driven = bool(given.size)
        rate = state if rates_are_state else value(state)
        answer = self.output @ rate + self.output_bias if self.last is None else self.last
        for t, (target, asked) in enumerate(zip(lesson.targets[trial], lesson.asked[trial], strict=True)):
            drive = self._drive(rate, answer)
            if driven:
                drive += self.inward @ given[t]
            drive = value(drive) if rates_are_state else drive
            drive -= state
            drive *= leak
            state += drive
            rate = state if rates_are_state else value(state)
            answer = self.output @ rate + self.output_bias
            if outputs is not None:
                outputs[t] = answer
            elif (t + 1) % self.every == 0 and asked:
                yield t, *self._update(rate, answer - target)
                if self.internal:  # weights within act at once; an output that comes back was made before the update
                    answer = self.output @ rate + self.output_bias
        self.last = answer if lesson.goes_on else None

    def _drive(self, rate: NDArray[np.float64], answer: NDArray[np.float64]) -> NDArray[np.float64]:
        drive = self.recurrent @ rate
        if self.many is not None:
            drive += self.fixed @ rate
        elif self.internal:
            drive += self.feedback @ (answer - self.output_bias - self.begin @ rate)
        else:
            drive += self.feedback @ answer
        drive += self.bias
        return drive

    def _update(self, rate: NDArray[np.float64], error: NDArray[np.float64]) -> tuple[float, float]:
        gain = self.inverse.gain(rate)
        self.output -= error[:, None] * gain
        if self.many is not None:
            self._learn_within(self.many, rate, error)
        square = float(error @ error)
        return float(np.sqrt(square * (gain @ gain))), float(np.sqrt(square / error.size))

    def _learn_within(self, many: InverseCorrelations, rate: NDArray[np.float64], error: NDArray[np.float64]) -> None:
        """Plastic weights, row by row in the order of their places."""
        gains, sent = many.gains(rate), self.feedback @ error
        low, high = many.first[many.group], many.first[many.group + 1]
        first = np.concatenate([[0], np.cumsum(high - low)])
        at = np.arange(first[-1]) - np.repeat(first[:-1] - low, high - low)
        self.recurrent.data -= np.repeat(sent, high - low) * gains[at]

    def _check(self, state: NDArray[np.float64]) -> None:
        if not (np.isfinite(state).all() and np.isfinite(self.output).all()):
            remedy = "raise the penalty, or learn more often"
            raise InputError("network", expected="activity that stays finite", found="one that diverges", remedy=remedy)
