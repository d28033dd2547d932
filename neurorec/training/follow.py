"""FOLLOW learning: local plasticity by an error that comes back, until nothing needs to come back."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.networks import FollowNetwork, FollowRun, run_follow
from neurorec.recording import FileError, InputError, are_numbers, check_array, check_number, check_rng
from neurorec.training.follow_dynamics import Commands, Dynamics

_OFTEN = 250.0  # s of simulated time between two checkpoints
_SETTLED = 0.05  # a fall of the error that counts as none
_ROUNDING = 1e-6  # of the largest: a difference between networks that are the same


@dataclass(frozen=True)
class FollowTraining:
    """What FOLLOW learning came to.

    Parameters
    ----------
    network : FollowNetwork
        With the learned weights; its `feedback` is off.
    curve : xarray.Dataset
        Over ``trial``: ``error``, mean squared over time and outputs while the error came back; ``size``, the same of
        the reference; ``time``, s of learning at its end.
    looks : xarray.Dataset
        Weights at times (s) that were asked for: ``weight (look, output, unit)`` and
        ``input_weight (look, output, input_unit)``.
    seconds : float
        Learned, simulated time.
    converged : bool
        Whether the error fell by less than 5 % from the last fifth of the trials but one to the last; with less than
        ten trials it is not known to.
    """

    network: FollowNetwork
    curve: xr.Dataset
    looks: xr.Dataset
    seconds: float
    converged: bool

    def network_at(self, look: int) -> FollowNetwork:
        """The network as it was at a look."""
        kept = self.looks.isel(look=look)
        return replace(self.network, weight=kept["weight"].values, input_weight=kept["input_weight"].values)


class _Standing(NamedTuple):
    """All that learning needs to go on."""

    n_trials: int
    weight: NDArray[np.float64]
    input_weight: NDArray[np.float64]
    state: NDArray[np.float64]
    slow_error: NDArray[np.float64]
    reference: NDArray[np.float64]  # where it is
    curve: NDArray[np.float64]  # (trial, 2)
    at: NDArray[np.int64]  # (look,) trials
    kept: NDArray[np.float64]  # (look, output, unit and input unit)


def train_follow(
    network: FollowNetwork,
    dynamics: Dynamics,
    commands: Commands,
    *,
    seconds: float,
    learning_rate: float = 2e-4,
    tau_error: float = 0.2,
    anew: bool = False,
    feedback: bool = True,
    looks: Sequence[float] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
    progress: bool = False,
) -> FollowTraining:
    r"""Let a network learn dynamics while it is made to follow them (Gilra & Gerstner 2017).

    doi:10.7554/eLife.28295. See `run_follow` for the rule. With the error :math:`\epsilon` fed back at a gain k, the
    network follows from the first moment, but for 1 / (k + 1) of what it lacks; what it lacks is in the error, and goes
    into the weights. For any M* and N* that would need no feedback,
    :math:`d(|M - M^*|^2 + |N - N^*|^2)/dt = -2 \eta k^2 / N\, |\epsilon|^2` as long as errors are slow.

    Parameters
    ----------
    network : FollowNetwork
        As it begins; not changed.
    dynamics : Dynamics
        What is to be followed.
    commands : Commands
        Drawn anew for each trial.
    seconds : float
        Simulated time; to whole trials.
    learning_rate, tau_error
        See `run_follow`.
    anew : bool
        Whether every trial begins at rest and at 0, or where the one before ended.
    feedback : bool
        Whether the error comes back. Without it learning sees the same error, but the network is left alone: a control.
    looks : sequence of float
        Times (s) at which weights are kept, to whole trials, 0 for the start.
    checkpoint : Path, optional
        A file from which it is gone on with, and written every 250 s of simulated time and at the end. It holds as long
        as everything but `seconds` is the same; longer training of the same random generator gives the same numbers.
        Of networks that differ in their last digits, as drawn on two machines, the one in the file is gone on with.
    rng : numpy.random.Generator
        For the commands.
    progress : bool
        Show a bar.

    Returns
    -------
    FollowTraining

    Raises
    ------
    InputError
        Less than one trial, dynamics of other sizes, looks beyond the end, and weights or references that are no longer
        finite.
    FileError
        A checkpoint of something else.

    Examples
    --------
    >>> from neurorec.training import linear_oscillator
    >>> rng = np.random.default_rng(0)
    >>> network = FollowNetwork.random(100, 100, radius=1.0, command_radius=0.2, rng=rng)
    >>> commands = Commands(held=(0.06, 0.06), noise=(0.03, 0.03))
    >>> found = train_follow(network, linear_oscillator(), commands, seconds=100.0, rng=rng)
    >>> bool(found.curve["error"][-10:].mean() < found.curve["error"][:2].mean())
    True
    """
    seconds, marks = _check_told(network, dynamics, commands, seconds, learning_rate, looks)
    rng = check_rng(rng)
    checkpoint = None if checkpoint is None else Path(checkpoint)
    per_trial = round(commands.length / network.dt)
    n_trials = round(seconds / (per_trial * network.dt))
    marks = np.rint(marks / (per_trial * network.dt)).astype(np.int64)
    size = len(dynamics.coefficient)
    if n_trials < 1 or (marks.size and not 0 <= marks.min() <= marks.max() <= n_trials):
        found = f"{seconds:g} s, looks {looks}"
        expected = f"at least one trial of {commands.length:g} s, and looks within them"
        raise InputError("seconds and looks", expected=expected, found=found, remedy="learn longer")
    if (size, len(commands.held)) != (network.n_outputs, len(network.input_encoder)):
        found = f"{size} and {len(commands.held)}"
        expected = f"{network.n_outputs} states and {len(network.input_encoder)} commands, as the network has"
        raise InputError("dynamics and commands", expected=expected, found=found, remedy="draw a network for them")
    entropy = int(rng.integers(2**62))
    told = (learning_rate, tau_error, anew, feedback)
    of = _describe(network, dynamics, commands, told, entropy)
    network, begun = _load(checkpoint, of, network)
    if begun.n_trials > n_trials:
        found, expected = f"one of {begun.n_trials} trials", f"a checkpoint of at most {n_trials} trials"
        raise FileError(str(checkpoint), expected=expected, found=found, remedy="name another, or learn as long")
    follower = replace(network, feedback=feedback)
    standing = _look(begun, marks)
    every = max(round(_OFTEN / commands.length), 1)
    with tqdm(
        total=round(n_trials * commands.length), initial=round(begun.n_trials * commands.length), unit="s",
        disable=None if progress else True, delay=2, desc="FOLLOW",
    ) as bar:  # fmt: skip
        while standing.n_trials < n_trials:
            run, x, row = _trial(follower, dynamics, commands, standing, told, entropy)
            curve = np.concatenate([standing.curve, [row]])
            standing = _Standing(
                standing.n_trials + 1, run.network.weight, run.network.input_weight, run.state, run.slow_error, x,
                curve, standing.at, standing.kept,
            )  # fmt: skip
            standing = _look(standing, marks)
            bar.set_postfix({"mean squared error": f"{row[0]:.2g}"}, refresh=False)
            bar.update(commands.length)
            if checkpoint is not None and (standing.n_trials % every == 0 or standing.n_trials == n_trials):
                _save(checkpoint, of, network, standing)
    return _result(network, standing, marks, commands.length)


def _check_told(
    network: FollowNetwork, dynamics: Dynamics, commands: Commands, seconds: float, learning_rate: float, looks: Any
) -> tuple[float, NDArray]:
    """Seconds and looks, if all of it is of its kind."""
    for thing, kind in ((network, FollowNetwork), (dynamics, Dynamics), (commands, Commands)):
        if not isinstance(thing, kind):
            raise InputError(kind.__name__, expected="one", found=type(thing).__name__, remedy="see train_follow")
    seconds = check_number("seconds", seconds, unit="s")
    marks = np.atleast_1d(check_array("looks", looks, "(look,)"))
    if not are_numbers(learning_rate, *marks.ravel()):
        found, expected = f"{learning_rate!r}, {looks!r}", "finite numbers"
        raise InputError("learning_rate and looks", expected=expected, found=found, remedy="see train_follow")
    return seconds, marks


def _trial(
    network: FollowNetwork, dynamics: Dynamics, commands: Commands, standing: _Standing, told: tuple, entropy: int
) -> tuple[FollowRun, NDArray[np.float64], tuple[float, float]]:
    """A trial, where the reference ends, and its errors."""
    learning_rate, tau_error, anew, _ = told
    command = commands.draw(network.dt, rng=np.random.default_rng([entropy, standing.n_trials]))
    reference = dynamics.follow(command, dt=network.dt, start=None if anew else standing.reference)
    if not (np.isfinite(standing.weight).all() and np.isfinite(reference).all()):
        found = f"others after {standing.n_trials * commands.length:g} s"
        remedy = "lower the learning rate, or weaken the commands"
        raise InputError("weights and references", expected="finite numbers", found=found, remedy=remedy)
    run = run_follow(
        replace(network, weight=standing.weight, input_weight=standing.input_weight), command, reference=reference,
        state=None if anew else standing.state, slow_error=None if anew else standing.slow_error,
        learning_rate=learning_rate, tau_error=tau_error,
    )  # fmt: skip
    return run, reference[-1], (float(np.mean(run.errors**2)), float(np.mean(reference**2)))


def _start(network: FollowNetwork) -> _Standing:
    size, n = network.n_outputs, network.n_units + len(network.input_bias)
    return _Standing(
        0, network.weight, network.input_weight, np.zeros(network.n_states), np.zeros(size), np.zeros(size),
        np.empty((0, 2)), np.empty(0, dtype=np.int64), np.empty((0, size, n)),
    )  # fmt: skip


def _look(standing: _Standing, marks: NDArray[np.int64]) -> _Standing:
    """With the weights kept, if they are asked for here and not there yet."""
    if standing.n_trials not in marks or standing.n_trials in standing.at:
        return standing
    seen = np.concatenate([standing.weight, standing.input_weight], axis=1)
    return standing._replace(
        at=np.append(standing.at, standing.n_trials), kept=np.concatenate([standing.kept, seen[None]])
    )


def _result(network: FollowNetwork, standing: _Standing, marks: NDArray[np.int64], length: float) -> FollowTraining:
    n = network.n_units
    kept = standing.kept[np.isin(standing.at, marks)]
    at = standing.at[np.isin(standing.at, marks)]
    missing = np.setdiff1d(marks, at)
    if missing.size:
        found = f"none at {missing[0] * length:g} s"
        remedy = "name another checkpoint: this one passed the time of the look without keeping it"
        raise FileError("checkpoint", expected="weights at all looks", found=found, remedy=remedy)
    time = (np.arange(standing.n_trials) + 1) * length
    curve = xr.Dataset(
        {"error": ("trial", standing.curve[:, 0]), "size": ("trial", standing.curve[:, 1])},
        coords={"time": ("trial", time, {"units": "s"})},
    )
    looks = xr.Dataset(
        {
            "weight": (("look", "output", "unit"), kept[:, :, :n]),
            "input_weight": (("look", "output", "input_unit"), kept[:, :, n:]),
        },
        coords={"time": ("look", at * length, {"units": "s"})},
    )
    after = replace(network, weight=standing.weight, input_weight=standing.input_weight, feedback=False)
    fifth = standing.n_trials // 5
    last, before = (
        standing.curve[a:b, 0].mean() if fifth > 1 else np.nan for a, b in ((-fifth, None), (-2 * fifth, -fifth))
    )
    return FollowTraining(after, curve, looks, standing.n_trials * length, bool(last > (1 - _SETTLED) * before))


def _describe(network: FollowNetwork, dynamics: Dynamics, commands: Commands, told: tuple, entropy: int) -> str:
    plain = [value for value in vars(network).values() if not isinstance(value, np.ndarray)]
    follows = [np.asarray(part).tolist() for part in dynamics]
    return json.dumps(
        {"network": plain, "dynamics": follows, "commands": commands, "settings": told, "rng": entropy}
    )  # fmt: skip


def _arrays(network: FollowNetwork) -> dict[str, NDArray[np.float64]]:
    return {name: value for name, value in vars(network).items() if isinstance(value, np.ndarray)}


def _save(path: Path, of: str, network: FollowNetwork, standing: _Standing) -> None:
    """Write a checkpoint; the file is replaced at once, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    begun = {f"begun_{name}": value for name, value in _arrays(network).items()}
    with part.open("wb") as file:
        np.savez(file, of=np.array(of), **begun, **standing._asdict())
    os.replace(part, path)


def _load(path: Path | None, of: str, network: FollowNetwork) -> tuple[FollowNetwork, _Standing]:
    """The network and where it stands by a checkpoint; the start where there is none."""
    if path is None or not path.exists():
        return network, _start(network)
    arrays = _arrays(network)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            there = json.loads(str(held["of"]))
            begun = {name: held[f"begun_{name}"] for name in arrays}
            standing = _Standing(int(held["n_trials"]), *(held[name] for name in _Standing._fields[1:]))
    except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile) as error:
        remedy, found = "remove it, or name another", str(error).splitlines()[0]
        raise FileError(str(path), expected="a checkpoint", found=found, remedy=remedy) from error
    wanted = json.loads(of)
    off = [name for name in wanted if there.get(name) != wanted[name]]
    if "network" not in off and not all(_close(begun[name], value) for name, value in arrays.items()):
        off.append("network")
    if off:
        remedy, expected = "name another file, or remove it to begin anew", f"one of the same {' and '.join(off)}"
        raise FileError(str(path), expected=expected, found="other ones", remedy=remedy)
    return replace(network, **begun), standing


def _close(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two arrays are the same but for rounding."""
    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=_ROUNDING * float(np.abs(b).max(initial=0.0)))
