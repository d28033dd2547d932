"""FOLLOW learning: a spiking network is made to follow dynamics until it does so by itself."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurorec.networks import FollowNetwork
from neurorec.plot import (
    distance_to_goal,
    error_left_alone,
    error_while_followed,
    followed_trial,
    learned_velocity,
)
from neurorec.report import Claim, Findings
from neurorec.study.classics.follow_measures import (
    KINDS,
    LESSONS,
    benefits,
    distances,
    draw_follower,
    errors_while_learning,
    explained_velocity,
    fixed_point,
    free_cycle,
    free_errors,
    free_run,
    linear_part,
    velocity_field,
    visited,
)
from neurorec.training import FollowTraining, train_follow

_DOI = "10.7554/eLife.28295"
_SOURCE = f"doi:{_DOI}"
_LOOKS = (0, 30, 100, 300, 1000, 3000, 10_000)  # s


class Course(NamedTuple):
    """How a system is learned."""

    n_units: int
    n_networks: int
    seconds: float
    learning_rate: float
    tau_error: float  # s


class Sizes(NamedTuple):
    """How large and how long."""

    linear: Course = Course(2000, 3, 1000.0, 2e-4, 0.2)
    van_der_pol: Course = Course(3000, 1, 10_000.0, 2e-4, 0.2)
    control: float = 300.0  # s
    n_trials: int = 20
    n_recorded: tuple[int, int] = (40, 60)  # units and trials


PUBLISHED = Sizes(Course(2000, 3, 10_000.0, 2e-4, 0.2), Course(3000, 3, 10_000.0, 2e-4, 0.2), control=1000.0)


def show_follow(
    *,
    full: bool = False,
    seed: int = 0,
    folder: Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    sizes: Sizes | None = None,
) -> Findings:
    """Show what a spiking network learns while it follows: a linear oscillator, and that of van der Pol.

    Parameters
    ----------
    full : bool
        10,000 s of learning for the linear oscillator too, in the place of 1,000 s, and three networks of van der Pol's
        in the place of one. Sizes and rate are the published ones in any case.
    seed : int
        Of networks and commands.
    folder : Path, optional
        Keeps learning in ``checkpoints/``: a run that was stopped goes on from there.
    n_jobs : int, optional
        Networks that learn at the same time, in threads; by default as many as there are cores.
    progress : bool
        Whether to show bars.
    sizes : Sizes, optional
        Other sizes.

    Returns
    -------
    Findings
    """
    size = sizes or (PUBLISHED if full else Sizes())
    courses = {"linear": size.linear, "van der Pol": size.van_der_pol}
    keep = None if folder is None else folder / "checkpoints"
    jobs = [(name, k) for name, course in courses.items() for k in range(course.n_networks)]
    # Not side by side: the last digits of decoders, and with them the spikes, depend on threads of linear algebra.
    drawn = {job: _draw(*job, courses[job[0]], seed) for job in jobs}

    def one(job: tuple[str, int]) -> FollowTraining:
        return _learn(drawn[job], *job, courses[job[0]], seed, keep, progress)

    with ThreadPoolExecutor(n_jobs or os.cpu_count() or 1) as pool:
        done = dict(zip(jobs, pool.map(one, jobs), strict=True))
    learned = {name: [done[name, k] for k in range(course.n_networks)] for name, course in courses.items()}
    data = {}
    for name, trainings in learned.items():
        data |= {f"{_short(name)}_{what}": found for what, found in _measured(trainings, name, size, seed).items()}
    controls = _controls(size, seed, keep, progress)
    n_units, n_trials = size.n_recorded
    data["benefit"] = benefits(
        learned["linear"][0].network, LESSONS["linear"], n_units=n_units, n_trials=n_trials, seed=seed
    )  # fmt: skip
    claims = [
        *_of_errors(data, "linear", 0.1), *_of_linear(learned["linear"][0], data),
        *_of_controls(controls, data, size.control),
        *_of_errors(data, "van der Pol", 0.5), *_of_cycle(learned["van der Pol"][0], data),
        *_of_benefit(data["benefit"]),
    ]  # fmt: skip
    return Findings(
        "FOLLOW learning",
        "Can spiking units learn the dynamics of something that they are made to follow, by a local rule?",
        _DOI,
        claims,
        {"follow": _figure(data)},
        data,
        settings={"units, and input units (linear)": size.linear.n_units, "(van der Pol)": size.van_der_pol.n_units,
                  "networks (linear)": size.linear.n_networks, "learned (linear, s)": size.linear.seconds,
                  "learned (van der Pol, s)": size.van_der_pol.seconds,
                  "learning rate (linear)": size.linear.learning_rate,
                  "learning rate (van der Pol)": size.van_der_pol.learning_rate, "gain": 10.0, "dt (s)": 0.001,
                  "tau (s)": 0.02, "filter of the error for learning (linear, s)": size.linear.tau_error,
                  "(van der Pol, s)": size.van_der_pol.tau_error},
        notes=_NOTES,
    )  # fmt: skip


_NOTES = [
    "Distances are those of M, which the rule lessens as it does those of w = e M; in w a few units count for all "
    "others, whose encoders are a thousand times as long, since their thresholds lie at the very end of the range.",
    "Trials of the van der Pol oscillator begin at rest; the paper silences the network for half a second instead.",
    "An error of 1 is that of an output of 0. Errors of an oscillation that drifts in phase come near to 2.",
    "How long a network keeps step with van der Pol's oscillator differs between networks: three that learned 10,000 s "
    "had median errors of 0.3, 0.6 to 0.9, and 0.9 to 1.5. One is shown.",
    "At five times the published learning rate, with an error filtered for 50 ms, 3,000 s explain more of the van der "
    "Pol oscillator's velocity (0.98), yet errors without feedback stay near 1; this was the default first.",
]


def _short(name: str) -> str:
    return name.replace(" ", "_")


def _draw(name: str, k: int, course: Course, seed: int) -> FollowNetwork:
    """A network that has learned nothing."""
    rng = np.random.default_rng([seed, list(LESSONS).index(name), k])
    return draw_follower(LESSONS[name], course.n_units, rng)


def _learn(
    network: FollowNetwork, name: str, k: int, course: Course, seed: int, keep: Path | None, progress: bool,
    **options: bool,
) -> FollowTraining:  # fmt: skip
    """One network, its checkpoint named by what it learns."""
    lesson = LESSONS[name]
    told = "".join(f"_no_{option}" for option in options) + f"_{seed}_{course.seconds:g}_{course.learning_rate:g}"
    looks = [t for t in _LOOKS if t <= 0.4 * course.seconds] + [course.seconds]
    return train_follow(
        network, lesson.dynamics, lesson.commands, seconds=course.seconds, learning_rate=course.learning_rate,
        tau_error=course.tau_error, anew=lesson.anew, looks=looks,
        checkpoint=None if keep is None else keep / f"{_short(name)}_{k}{told}.npz",
        rng=np.random.default_rng([seed, 10 + list(LESSONS).index(name), k]), progress=progress, **options,
    )  # fmt: skip


def _measured(trainings: list[FollowTraining], name: str, size: Sizes, seed: int) -> dict[str, xr.Dataset]:
    """All that is measured of networks that learned the same."""
    lesson = LESSONS[name]
    points, first = visited(lesson, 20, seed + 100), trainings[0]
    n_looks = first.looks.sizes["look"]
    free = [
        [free_errors(t.network_at(look), lesson, size.n_trials, seed + 1000 + k) for look in range(n_looks)]
        for k, t in enumerate(trainings)
    ]
    alone = xr.concat([xr.concat(row, "look") for row in free], "network")
    explained = [[explained_velocity(t.network_at(look), lesson, points) for look in range(n_looks)] for t in trainings]
    alone["explained"] = (("network", "look"), np.array(explained))
    early = [free_errors(t.network, lesson, size.n_trials, seed + 1000 + k, 1.0) for k, t in enumerate(trainings)]
    return {
        "followed": errors_while_learning(trainings),
        "alone": alone.assign_coords(time=("look", first.looks["time"].values, {"units": "s"})),
        "first_second": xr.concat(early, "network"),
        "distance": distances(first, lesson, points),
        "velocity": velocity_field(first.network, lesson, points),
        "trial": free_run(first.network, lesson, lesson.pulses, [seed + 1000, 1, 0]),
    }


def _controls(size: Sizes, seed: int, keep: Path | None, progress: bool) -> dict[str, float]:
    """Errors of networks that could not learn: without a rate (with feedback) and without feedback (without)."""
    lesson, course = LESSONS["linear"], size.linear._replace(seconds=size.control)
    network = _draw("linear", 0, course, seed)
    still = _learn(network, "linear", 0, course._replace(learning_rate=0.0, seconds=40.0), seed, None, False)
    curve = still.curve["error"].values
    alone = _learn(network, "linear", 0, course, seed, keep, progress, feedback=False)
    off = free_errors(alone.network, lesson, size.n_trials, seed + 1000)
    return {
        "change without learning": float(curve[-5:].mean() / curve[:5].mean()),
        "error, learned without feedback": float(off["error"].sel(kind=KINDS[0]).median()),
    }


def _of_errors(data: dict[str, xr.Dataset], name: str, most: float) -> list[Claim]:
    """Claims that both systems share; `most`: the error without feedback that counts as learned."""
    on, alone = data[f"{_short(name)}_followed"]["error"].mean("network"), data[f"{_short(name)}_alone"]
    seconds = float(alone["time"][-1])
    middle = alone["error"].median("trial")
    fall = float(on[-1] / on[0])
    claims = [
        Claim(f"{name}: error with feedback, last over first trials", fall, "falls", _SOURCE, fall < 0.5),
        Claim(
            f"{name}: error without feedback before learning, of the reference's mean square",
            float(middle.isel(look=0).sel(kind=KINDS[0]).mean()), "1: says nothing", "theory",
            abs(float(middle.isel(look=0).sel(kind=KINDS[0]).mean()) - 1) < 0.1,
        ),
    ]  # fmt: skip
    for kind in KINDS:
        each = middle.isel(look=-1).sel(kind=kind)
        value, low, high = float(each.mean()), float(each.min()), float(each.max())
        spread = f" ({each.size} networks: {low:.2g} to {high:.2g})" if each.size > 1 else ""
        what = f"... after {seconds:g} s, commands {kind}, median of trials{spread}"
        claims.append(Claim(what, value, "small after 1,000 to 10,000 s", _SOURCE, high < most))
    explained = alone["explained"].isel(look=-1)
    return [
        *claims,
        Claim(
            "... share of the reference's velocity that the weights' explains, least of networks",
            float(explained.min()), "near 1", _SOURCE, float(explained.min()) > 0.9,
        ),
    ]  # fmt: skip


def _of_linear(training: FollowTraining, data: dict[str, xr.Dataset]) -> list[Claim]:
    gap = data["linear_distance"]["distance"]
    right, back = (gap.sel(goal=goal).values for goal in gap["goal"].values)
    falls = bool((np.diff(right) < 0).all())
    value = linear_part(training.network, data["linear_velocity"]["visited"].values)[0]
    still = float(np.linalg.norm(fixed_point(training.network)))
    return [
        Claim(
            "linear: squared distance of weights from those of least squares, after over before",
            float(right[-1] / right[0]), "falls at every look", f"Lyapunov function, {_SOURCE}", falls,
        ),
        Claim(
            "... from those of the same dynamics backwards", float(back[-1] / back[0]), "falls less", "control",
            back[-1] / back[0] > right[-1] / right[0],
        ),
        Claim(
            "linear: eigenvalues of the velocity's linear part, imaginary, 1/s", abs(value.imag), "10",
            "the reference", abs(abs(value.imag) / 10 - 1) < 0.1,
        ),
        Claim("... real part, 1/s", value.real, "−2", "the reference", abs(value.real + 2) < 1),
        Claim("linear: fixed point of the rate model, distance from 0", still, "0", "the reference", still < 0.05),
    ]  # fmt: skip


def _of_controls(controls: dict[str, float], data: dict[str, xr.Dataset], seconds: float) -> list[Claim]:
    """`seconds`: how long the network without feedback learned."""
    still, alone = controls.values()
    errors = data["linear_alone"]["error"].isel(network=0).sel(kind=KINDS[0]).median("trial")
    look = int(np.abs(errors["time"].values - seconds).argmin())
    beside = f"{seconds:g} s (with feedback, {float(errors['time'][look]):g} s: {float(errors[look]):.2g})"
    return [
        Claim("linear, learning rate 0: error with feedback, last over first trials", still, "1", "control",
              abs(still - 1) < 0.5),
        Claim(
            f"linear, learned without feedback for {beside}: error without", alone, "not learned",
            f"control, {_SOURCE}", alone > 0.5,
        ),
    ]  # fmt: skip


def _of_cycle(training: FollowTraining, data: dict[str, xr.Dataset]) -> list[Claim]:
    found, wanted = free_cycle(training.network, LESSONS["van der Pol"])
    early = float(data["van_der_Pol_first_second"]["error"].median())
    off = found.period / wanted.period - 1
    gap = data["van_der_Pol_distance"]["distance"].isel(goal=0).values
    return [
        Claim(
            "van der Pol: error without feedback, first second of the trials", early, "small", _SOURCE, early < 0.25
        ),
        Claim(
            f"van der Pol: period of the cycle without feedback, s (reference {wanted.period:.3g})", found.period,
            f"{wanted.period:.3g}", "the reference", bool(abs(off) < 0.1),
        ),
        Claim(
            "... its amplitude, x1", found.amplitude, f"{wanted.amplitude:.3g}", "the reference",
            bool(abs(found.amplitude / wanted.amplitude - 1) < 0.15),
        ),
        Claim(
            "van der Pol: squared distance of weights from those of least squares, after over before",
            float(gap[-1] / gap[0]), "falls at every look", f"Lyapunov function, {_SOURCE}",
            bool((np.diff(gap) < 0).all()),
        ),
    ]  # fmt: skip


def _of_benefit(data: xr.Dataset) -> list[Claim]:
    joined, alone = (data.sel(network=name) for name in data["network"].values)
    worst = float(np.abs(data["shuffled"]).max())
    return [
        Claim(
            f"benefit of recurrence, {int(joined['n_units'])} units of the linear network", float(joined["benefit"]),
            "above that below", "calculated", bool(joined["benefit"] > alone["benefit"] + 0.01),
        ),
        Claim("... the same units, weights between them taken out", float(alone["benefit"]), "0", "theory",
              abs(float(alone["benefit"])) < 0.01),
        Claim("... partners from other trials: farthest from 0", worst, "0", "theory", worst < 0.01),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(13.4, 6.4), layout="constrained")
    axes = figure.subplots(2, 5, width_ratios=(1.25, 1, 0.9, 0.95, 0.9))
    draw: list[tuple[str, Callable]] = [
        ("trial", followed_trial), ("velocity", learned_velocity), ("followed", error_while_followed),
        ("alone", error_left_alone), ("distance", distance_to_goal),
    ]  # fmt: skip
    titles = (
        "without feedback, after learning",
        "what the weights do",
        "error with feedback",
        "error without",
        "weights",
    )
    for row, name in zip(axes, LESSONS, strict=True):
        for ax, (what, function), title in zip(row, draw, titles, strict=True):
            function(data[f"{_short(name)}_{what}"], ax=ax)
            ax.set_title(title, fontsize=9.5, loc="left")
        row[0].set_ylabel(name, fontsize=10)
    said = (
        "A spiking network learns the dynamics that it is made to follow, until it goes without. Above: a linear "
        "oscillator; below: that of van der Pol. From the left: a trial of a new kind of command with feedback off; "
        "velocities by the weights over those of the reference; errors with feedback while learning; errors without, "
        "medians and quartiles of new trials (1: an output of 0); distance of weights to those of least squares."
    )
    return figure, said
