"""What is measured of networks that follow: errors with and without feedback, learned velocities, distances, cycles."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.design import default_terms, design_matrix
from neurorec.dynamics import find_fixed_points
from neurorec.networks import FollowNetwork, run_follow, simulate_follow
from neurorec.recurrence import recurrence_benefit
from neurorec.training import Commands, Dynamics, FollowTraining, linear_oscillator, van_der_pol

KINDS = ("as learned", "pulses")
_PENALTIES = (1.0, 1e-1, 1e-2, 1e-3)
_NOISE = 0.01  # of the rates, a share of the largest: for weights of least squares
_BLOCKS = 60


class Lesson(NamedTuple):
    """Something to follow, and how far it goes.

    Attributes
    ----------
    dynamics : Dynamics
        What.
    commands, pulses : Commands
        While learning, and of another kind, never learned from.
    radius : float
        Of the states that the network's units are tuned to.
    anew : bool
        Whether trials begin at 0.
    """

    dynamics: Dynamics
    commands: Commands
    pulses: Commands
    radius: float
    anew: bool


LESSONS = {
    "linear": Lesson(
        linear_oscillator(), Commands(held=(1 / 16, 1 / 16), noise=(1 / 30, 1 / 30)),
        Commands(held=(1 / 32, 1 / 32), noise=(0.0, 0.0), pulse=(0.1, 0.1)), 1.0, False,
    ),
    "van der Pol": Lesson(
        van_der_pol(), Commands(held=(1 / 30, 0.1), noise=(1 / 30, 0.1), length=3.5),
        Commands(held=(1 / 30, 0.1), noise=(0.0, 0.0), pulse=(0.1, 0.1), length=3.5), 5.0, True,
    ),
}  # fmt: skip


def draw_follower(lesson: Lesson, n_units: int, rng: np.random.Generator) -> FollowNetwork:
    """A network for a lesson, as many input units as units; it has learned nothing."""
    return FollowNetwork.random(n_units, n_units, radius=lesson.radius, command_radius=0.2, rng=rng)


def errors_while_learning(trainings: Sequence[FollowTraining]) -> xr.Dataset:
    """Mean squared error while it came back, over the mean square of the reference, ``(network, block)``."""
    curves = [t.curve for t in trainings]
    n = curves[0].sizes["trial"]
    edges = np.unique(np.geomspace(1, n, min(_BLOCKS, n)).round().astype(int))
    begin = np.concatenate([[0], edges[:-1]])
    means = [[c["error"].values[a:b].mean() for a, b in zip(begin, edges, strict=True)] for c in curves]
    size = np.array([float(c["size"].mean()) for c in curves])
    time = curves[0]["time"].values[edges - 1]
    return xr.Dataset(
        {"error": (("network", "block"), np.array(means) / size[:, None])},
        coords={"time": ("block", time, {"units": "s"})},
    )


def free_run(network: FollowNetwork, lesson: Lesson, commands: Commands, seed: Sequence[int]) -> xr.Dataset:
    """A trial without feedback, from rest: command, reference and output over time."""
    command = commands.draw(network.dt, rng=np.random.default_rng(seed))
    reference = lesson.dynamics.follow(command, dt=network.dt)
    output = run_follow(replace(network, feedback=False), command).outputs
    over = ("time", "channel")
    return xr.Dataset(
        {"command": (over, command), "reference": (over, reference), "output": (over, output)},
        coords={"time": ("time", np.arange(len(command)) * network.dt, {"units": "s"})},
    )


def free_errors(network: FollowNetwork, lesson: Lesson, n_trials: int, seed: int, first: float = np.inf) -> xr.Dataset:
    """Of new trials without feedback: error over the reference's size, and correlation with it, ``(kind, trial)``.

    An output of 0 has an error of 1. `first`: only so many seconds of each trial.
    """
    error, correlation = (np.empty((2, n_trials)) for _ in range(2))
    n = int(min(first / network.dt, 1e9))
    for k, commands in enumerate((lesson.commands, lesson.pulses)):
        for trial in range(n_trials):
            found = free_run(network, lesson, commands, [seed, k, trial])
            x, y = found["reference"].values[:n], found["output"].values[:n]
            error[k, trial] = np.mean((y - x) ** 2) / np.mean(x**2)
            correlation[k, trial] = np.corrcoef(x.ravel(), y.ravel())[0, 1] if y.any() else 0.0
    return xr.Dataset(
        {"error": (("kind", "trial"), error), "correlation": (("kind", "trial"), correlation)},
        coords={"kind": list(KINDS)},
    )


def visited(lesson: Lesson, n_trials: int, seed: int, dt: float = 1e-3) -> NDArray[np.float64]:
    """States ``(point, state)`` that the reference visits under commands as learned, every 10 ms."""
    states = []
    for k in range(n_trials):
        command = lesson.commands.draw(dt, rng=np.random.default_rng([seed, k]))
        states.append(lesson.dynamics.follow(command, dt=dt)[::10])
    return np.concatenate(states)


def explained_velocity(network: FollowNetwork, lesson: Lesson, points: NDArray) -> float:
    """Share of the reference's velocity at points that the weights' velocity explains, both states together."""
    wanted = lesson.dynamics.velocity(points)
    off = network.velocity(points, np.zeros(len(network.input_encoder))) - wanted
    return float(1 - (off**2).sum() / ((wanted - wanted.mean(axis=0)) ** 2).sum())


def velocity_field(network: FollowNetwork, lesson: Lesson, points: NDArray, n: int = 13) -> xr.Dataset:
    """Velocities of the reference and of the weights on a grid over the points, and where points are."""
    most = 1.1 * np.abs(points).max(axis=0)
    x, y = (np.linspace(-m, m, n) for m in most)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    over = ("y", "x", "state")
    return xr.Dataset(
        {
            "reference": (over, lesson.dynamics.velocity(grid)),
            "learned": (over, network.velocity(grid, np.zeros(len(network.input_encoder)))),
            "visited": (("point", "state"), points),
        },
        coords={"x": x, "y": y},
    )


def distances(training: FollowTraining, lesson: Lesson, points: NDArray) -> xr.Dataset:
    r"""How far weights are from those of least squares, over learning ``(goal, look)``.

    :math:`(|M - M^*|^2 + |N - N^*|^2) / (|M^*|^2 + |N^*|^2)`, with N* that passes commands on, and M* for the
    reference's dynamics; and for the same dynamics backwards: a goal that learning has no reason to come near to.
    """
    network, looks = training.network, training.looks
    command = np.concatenate([lesson.commands.draw(network.dt, rng=np.random.default_rng([0, k])) for k in range(20)])
    through = network.ideal_input_weight(command[::50], noise=_NOISE)
    found = []
    for sign in (1, -1):
        ideal = network.ideal_weight(lambda x, s=sign: s * lesson.dynamics.velocity(x), points, noise=_NOISE)
        gaps = [
            ((a - ideal) ** 2).sum() + ((b - through) ** 2).sum()
            for a, b in zip(looks["weight"].values, looks["input_weight"].values, strict=True)
        ]
        found.append(np.array(gaps) / ((ideal**2).sum() + (through**2).sum()))
    return xr.Dataset(
        {"distance": (("goal", "look"), np.array(found))},
        coords={"goal": ["the reference", "backwards"], "time": ("look", looks["time"].values)},
    )


class Cycle(NamedTuple):
    """A limit cycle: its period, s, and the largest value of the first state; NaN where there is none."""

    period: float
    amplitude: float


def cycle_of(path: NDArray, dt: float, *, smooth: float = 0.03) -> Cycle:
    """The cycle of a path ``(time, state)``, from upward crossings of 0 of its smoothed first state; a second is left.

    Examples
    --------
    >>> time = np.arange(5000) * 1e-3
    >>> cycle_of(np.sin(2 * np.pi * time / 0.5)[:, None], 1e-3).period.__round__(3)
    0.5
    """
    n = round(smooth / dt)
    x = np.convolve(path[round(1 / dt) :, 0], np.ones(n) / n, mode="valid")
    up = np.flatnonzero((x[:-1] < 0) & (x[1:] >= 0))
    up = up[np.concatenate([[True], np.diff(up) > 0.05 / dt])[: len(up)]]
    if len(up) < 3:
        return Cycle(np.nan, np.nan)
    return Cycle(float(np.diff(up).mean() * dt), float(x.max()))


def free_cycle(network: FollowNetwork, lesson: Lesson, seconds: float = 10.0) -> tuple[Cycle, Cycle]:
    """Cycles of the network without feedback and of the reference, after a push and without commands."""
    command = np.zeros((round(seconds / network.dt), len(network.input_encoder)))
    command[:100] = 0.1
    path = run_follow(replace(network, feedback=False), command).outputs
    return cycle_of(path, network.dt), cycle_of(lesson.dynamics.follow(command, dt=network.dt), network.dt)


def fixed_point(network: FollowNetwork) -> NDArray[np.float64]:
    """The fixed point ``(state,)`` of the network's rate model that is nearest to 0."""
    starts = 0.05 * np.random.default_rng(0).standard_normal((8, network.n_outputs))
    found = find_fixed_points(network.rate_model(), starts)
    return found.points[np.argmin(np.linalg.norm(found.points, axis=1))]


def linear_part(network: FollowNetwork, points: NDArray) -> NDArray[np.complex128]:
    """Eigenvalues, 1/s, of the matrix that comes nearest to the weights' velocity at points (least squares)."""
    velocity = network.velocity(points, np.zeros(len(network.input_encoder)))
    basis = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    matrix = np.linalg.lstsq(basis, velocity, rcond=None)[0][: points.shape[1]].T
    return np.linalg.eigvals(matrix).astype(complex)


def benefits(network: FollowNetwork, lesson: Lesson, *, n_units: int, n_trials: int, seed: int) -> xr.Dataset:
    """The benefit of recurrence in recordings of a trained network and of its units not joined, the command known."""
    rng = np.random.default_rng(seed)
    command = np.stack([lesson.commands.draw(network.dt, rng=rng) for _ in range(n_trials)])
    rows = []
    for joined in (network, replace(network, weight=np.zeros_like(network.weight))):
        units = rng.permutation(network.n_units)
        recording = simulate_follow(joined, command, units=units, bin_width=0.02)
        spikes = recording["activity"].sum("time").values
        chosen = np.flatnonzero((spikes > 200) & (recording["activity"].std("time").values > 0.1))[:n_units]
        recording = recording.isel(unit=np.sort(chosen))
        design = design_matrix(recording, default_terms(recording).terms)
        found = recurrence_benefit(
            recording, design, steps=["coupled", "shuffled"], n_folds=3, penalties=_PENALTIES, seed=seed, n_jobs=1,
            progress=False,
        )  # fmt: skip
        medians = [float(found[name].median()) for name in ("benefit", "benefit_shuffled")]
        rows.append([*medians, recording.sizes["unit"]])
    names = ("benefit", "shuffled", "n_units")
    return xr.Dataset(
        {name: ("network", values) for name, values in zip(names, np.transpose(rows), strict=True)},
        coords={"network": ["trained", "not joined"]},
    )
