"""FORCE: errors are kept small from the first step on, while recursive least squares makes them need no keeping."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from neurorec.networks import Network
from neurorec.recording import InputError, check_count, check_number, check_rng
from neurorec.training.chaotic import check_feedback
from neurorec.training.force_learner import Learner, Lesson, lesson_of, spread_of

_SETTLED = 0.1  # of the weights' norm, their change in a pass that counts as none


@dataclass(frozen=True)
class ForceTraining:
    """What FORCE learning came to.

    Parameters
    ----------
    network : Network
        Runs by itself, as any system: what came back from its outputs, and what was learned within, is in its recurrent
        weights. After a target without trials it begins where learning ended, as the target begins again.
    feedback : ndarray (unit, output)
        By which outputs came back, or errors were sent, to units.
    curve : xarray.Dataset
        Over ``update``: ``weight_change``, norm of the change of the readout's weights, and ``error``, root mean
        squared over outputs, before it; ``time`` of it, s of learning. Over ``pass``: ``pass_error``, root mean
        squared error over the targets' standard deviation, while learning; ``pass_change``, by how much the readout's
        weights differ after a pass from before it, as a share of their norm.
    test_error : float
        Root mean squared error of `network`, learning off, over the targets' standard deviation.
    outputs : ndarray (time, output) or (trial, time, output)
        Of `network` in that test.
    converged : bool
        Whether the weights changed by less than 10 % in the last pass.
    """

    network: Network
    feedback: NDArray[np.float64]
    curve: xr.Dataset
    test_error: float
    outputs: NDArray[np.float64]
    converged: bool


def train_force(
    network: Network,
    targets: ArrayLike | xr.Dataset,
    *,
    inputs: ArrayLike | None = None,
    feedback: ArrayLike | None = None,
    internal: bool = False,
    plastic: ArrayLike | None = None,
    penalty: float = 1.0,
    every: int = 2,
    n_passes: int = 10,
    test: xr.Dataset | None = None,
    n_test: int = 5,
    rng: np.random.Generator,
    progress: bool = False,
) -> ForceTraining:
    r"""Teach a network to produce outputs by itself, from the activity that it has anyway (Sussillo & Abbott 2009).

    doi:10.1016/j.neuron.2009.07.018. Every few steps the readout moves by :math:`\Delta R = -e\, k'`, with the error
    :math:`e = R r + c - f` before and the gain k of `InverseCorrelation`, so that the very next output is nearly right.
    While the output that comes back through F is thus kept close to the target, weights are found that keep it there.

    With ``internal=True`` nothing comes back, and the units' own weights learn: unit i's by the error
    :math:`F_i e` and the gain of the sources that it may learn from. Where these are all units, that is the same as
    feedback of what was learned: :math:`W + F\,(R - R(0))`.

    Parameters
    ----------
    network : Network
        Of a `Leaky` cell. Its private noise is left out.
    targets : array-like (time, output), or xarray.Dataset
        f: in one piece, which is gone through `n_passes` times without a break; or trials of a task (see
        `neurorec.tasks.check_trials`), each begun from the initial state, whose mask says where f is asked.
    inputs : array-like (time, input), optional
        With targets in one piece; by default 0.
    feedback : array-like (unit, output), optional
        F; by default uniform between -1 and 1.
    internal : bool
        Whether recurrent weights learn, rather than outputs come back.
    plastic : array-like of bool (unit, source unit), optional
        Which recurrent weights learn, with ``internal=True``; by default all, also those that are 0 now. Units with the
        same sources share a matrix; where they differ there is one each, and learning takes that much longer.
    penalty : float
        P(0) = 1 / penalty; alpha in the paper.
    every : int
        Steps between two updates, counted from the start of each pass or trial.
    n_passes : int
        How often targets are gone through.
    test : xarray.Dataset, optional
        Trials for the test; by default those that were learned.
    n_test : int
        Further passes through targets in one piece, learning off, that are the test.
    rng : numpy.random.Generator
        For the feedback, and the state to begin with of targets in one piece.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    ForceTraining

    Raises
    ------
    InputError
        A network that is not of `Leaky`, sizes that do not fit, a penalty or numbers of steps that are not above 0, or
        activity that is no longer finite.

    Examples
    --------
    >>> from neurorec.training import chaotic_network
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(600) * 2 * np.pi / 300)[:, None]
    >>> found = train_force(chaotic_network(200, rng=rng), wave, n_passes=5, rng=rng)
    >>> found.converged, found.test_error < 0.1, found.network.n_inputs
    (True, True, 0)
    """
    if not isinstance(network, Network):
        remedy = "see chaotic_network"
        raise InputError("network", expected="a Network of a Leaky cell", found=type(network).__name__, remedy=remedy)
    every, n_passes, n_test = (
        check_count(name, n, least=0) for name, n in (("every", every), ("n_passes", n_passes), ("n_test", n_test))
    )
    penalty, rng = check_number("penalty", penalty, remedy="1 is a good begin"), check_rng(rng)
    if feedback is None:
        feedback = rng.uniform(-1, 1, (network.n_units, network.n_outputs))
    cell, back = check_feedback(network, feedback)
    lesson = lesson_of(network, targets, inputs)
    if min(every, n_passes, n_test) < 1 or (plastic is not None and not internal):
        found = f"{every}, {n_passes}, {n_test}; plastic {'left out' if plastic is None else 'given'}"
        expected, remedy = "1 or more, and plastic only with internal=True", "see train_force"
        raise InputError("every, n_passes, n_test and plastic", expected=expected, found=found, remedy=remedy)
    if plastic is not None and np.shape(plastic) != (network.n_units, network.n_units):
        expected = f"shape ({network.n_units}, {network.n_units}), (unit, source unit)"
        raise InputError("plastic", expected=expected, found=str(np.shape(plastic)), remedy="a truth value a weight")
    which = None if plastic is None or np.all(plastic) else np.asarray(plastic, dtype=bool)
    state = np.asarray(network.initial, dtype=float)
    learner = Learner(network, cell, back, internal, which, penalty, every)
    start = 0.5 * rng.standard_normal(state.size) if lesson.goes_on else state
    with threadpool_limits(1, "blas"):  # products of a matrix with a vector, where threads only wait for each other
        curve, end = learner.learn(lesson, start, n_passes, progress)
        asked = _again(lesson, n_test) if test is None else lesson_of(network, test, None)
        begin = end if lesson.goes_on else state
        outputs = learner.rehearse(asked, begin)
    off = (outputs - asked.targets)[asked.asked]
    error = float(np.sqrt(np.mean(off**2)) / spread_of(asked))
    outputs = np.concatenate(outputs) if asked.goes_on else outputs
    converged = bool(curve["pass_change"][-1] <= _SETTLED)
    return ForceTraining(learner.network(begin), back, curve, error, outputs, converged)


def _again(lesson: Lesson, n_passes: int) -> Lesson:
    """What was learned; several times where it is in one piece."""
    if not lesson.goes_on:
        return lesson
    times = (n_passes, 1, 1)
    return Lesson(np.tile(lesson.inputs, times), np.tile(lesson.targets, times), np.tile(lesson.asked, times[:2]), True)
