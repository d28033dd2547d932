"""The oculomotor integrator: how well it must be tuned to hold the eye."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurorec.dynamics import LineAttractor, find_line_attractor
from neurorec.networks import Leaky, TunedIntegrator, run, with_readout
from neurorec.plot import held_positions, persistence_against_mistuning, recruitment
from neurorec.report import Claim, Findings

_DOI = "10.1016/S0896-6273(00)81155-1"
_LINEAR = "10.1073/pnas.93.23.13339"
_MISTUNED = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_SHOWN = (0.0, 0.05, -0.05)
_POSITIONS = np.linspace(4, 36, 17)  # degrees, from which the eye is let go
_SACCADES = ((0.5, 8.0), (2.0, 12.0), (3.5, -9.0), (5.0, 10.0))  # s, degrees
_PULSE = 0.05  # s


def show_oculomotor(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show how long a tuned and a mistuned integrator hold.

    Parameters
    ----------
    full : bool
        Nothing is smaller by default.
    seed : int
        Of the units' slopes, and of the random networks that the line is put beside.
    folder, n_jobs, progress
        Not needed: seconds.

    Returns
    -------
    Findings
    """
    network = TunedIntegrator.tuned(rng=np.random.default_rng(seed))
    data = {"persistence": _persistence(network), "held": _held(network), "recruitment": _recruited(network)}
    states = np.stack([network.state_at(float(e)) for e in np.linspace(2, 38, 60)])
    line = find_line_attractor(network, states, n_null=19, rng=np.random.default_rng([seed, 1]))
    return Findings(
        "The oculomotor integrator",
        "How precisely must a network be tuned to hold a position?",
        _DOI,
        _claims(data["persistence"], _decay(network, seconds=3.0), line),
        {"oculomotor": _figure(data)},
        data,
        settings={
            "units": network.n_units, "tau (s)": network.tau, "dt (s)": network.dt,
            "half_rate (spikes/s)": network.half_rate,
        },
        notes=[
            "Rates rather than the paper's conductance-based spiking neurons; synapses of one time constant.",
            "Weights are fitted (non-negative least squares), as in the paper; how an animal finds them is not shown.",
        ],
    )  # fmt: skip


def _claims(persistence: xr.Dataset, still: float, line: LineAttractor) -> list[Claim]:
    off = abs(persistence["time_constant"] / persistence["expected"] - 1).max("mistuning")
    worst = {str(name): float(off.sel(network=name)) for name in off["network"].values}
    slightly = float(persistence["time_constant"].sel(network="tuned", mistuning=0.005))
    return [
        Claim(
            "linear network: largest deviation of the time constant from τ / (1 − λ), fraction", worst["linear"], "0",
            f"theory, doi:{_LINEAR}", worst["linear"] < 0.02,
        ),
        Claim(
            "tuned network: the same, mistuned by 0.5 to 20 %", worst["tuned"], "0", f"theory, doi:{_DOI}",
            worst["tuned"] < 0.1,
        ),
        Claim(
            "time constant when mistuned by 0.5 %, s", slightly, "20", f"theory, doi:{_DOI}",
            abs(slightly / 20 - 1) < 0.1,
        ),
        Claim("time constant when tuned, s", still, "tens of seconds", f"goldfish, doi:{_DOI}", still > 20),
        Claim(
            f"slow points form a {line.kind}; p beside random networks", line.p_value, "a line attractor",
            f"doi:{_LINEAR}", line.kind == "line",
        ),
    ]  # fmt: skip


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.4, 3.5), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(0.8, 1.3, 1))
    recruitment(data["recruitment"], ax=axes[0])
    held_positions(data["held"], ax=axes[1])
    persistence_against_mistuning(data["persistence"], ax=axes[2])
    said = (
        "An integrator holds the eye as long as it is tuned. Left: rates against position, a line per unit; units are "
        "recruited one after the other. Middle: positions after four commands, tuned and with feedback 5 % too weak "
        "and too strong. Right: time constants of the decay against the mistuning, and the theory."
    )
    return figure, said


def _recruited(network: TunedIntegrator) -> xr.Dataset:
    """Rates where the eye is kept at positions."""
    position = np.linspace(0, 40, 81)
    rate = np.stack([network.activity(network.state_at(float(e))) for e in position], axis=1)
    return xr.Dataset(
        {"rate": (("unit", "position"), rate, {"units": "spikes/s"})},
        coords={"position": ("position", position, {"units": "degrees"})},
    )


def _decay(network: TunedIntegrator, *, seconds: float) -> float:
    """Time constant, s, of the decay of positions let go: minus position over velocity, by least squares."""
    states = jnp.stack([network.state_at(float(e)) for e in _POSITIONS])
    steps = round(seconds / network.dt)
    passed = run(network, np.zeros((steps, len(_POSITIONS), 1)), state=states)
    return _constant(np.asarray(network.readout(passed), dtype=float)[..., 0], network.dt)


def _constant(position: NDArray[np.float64], dt: float) -> float:
    """``x(t + dt) = exp(-dt / T) x(t)`` by least squares, of paths ``(time, path)``; T in s."""
    early, late = position[10:-1], position[11:]
    return float(-dt / np.log((early * late).sum() / (early**2).sum()))


def _persistence(network: TunedIntegrator) -> xr.Dataset:
    """Time constants of a linear and of the tuned network, and what they are expected to be."""
    found = np.empty((2, len(_MISTUNED)))
    for k, mistuning in enumerate(_MISTUNED):
        found[0, k] = _linear_decay(1 - mistuning, network.n_units, network.tau, network.dt)
        found[1, k] = _decay(replace(network, mistuning=mistuning), seconds=max(0.2, 0.5 * network.tau / mistuning))
    expected = np.broadcast_to(network.tau / np.array(_MISTUNED), found.shape)
    return xr.Dataset(
        {
            "time_constant": (("network", "mistuning"), found, {"units": "s"}),
            "expected": (("network", "mistuning"), expected, {"units": "s"}),
        },
        coords={"network": ["linear", "tuned"], "mistuning": list(_MISTUNED)},
    )


def _linear_decay(eigenvalue: float, n_units: int, tau: float, dt: float) -> float:
    """Of a linear network with one mode, let go from a position."""
    mode = jnp.full((n_units,), 1 / np.sqrt(n_units))
    cell = Leaky(
        eigenvalue * jnp.outer(mode, mode), jnp.zeros((n_units, 1)), jnp.zeros(n_units), dt=dt, tau=tau, noise=0.0,
        nonlinearity="linear",
    )  # fmt: skip
    network = with_readout(cell, 1, rng=np.random.default_rng(0))
    steps = round(max(0.2, 0.5 * tau / (1 - eigenvalue)) / dt)
    passed = np.asarray(run(network, np.zeros((steps, 1, 1)), state=10 * mode[None]), dtype=float)
    return _constant(passed @ np.asarray(mode, dtype=float), dt)


def _held(network: TunedIntegrator, *, seconds: float = 7.0) -> xr.Dataset:
    """Positions after commands, by mistuning, and the integral of the commands."""
    time = np.arange(round(seconds / network.dt)) * network.dt
    command = np.zeros(time.size)
    for begin, size in _SACCADES:  # u adds v u = k u to each rate as a position u would; held for tau, it moves by u
        command[(time >= begin) & (time < begin + _PULSE)] = size * network.tau / _PULSE
    paths = []
    for mistuning in _SHOWN:
        tuned = replace(network, mistuning=mistuning)
        states = run(tuned, command[:, None], state=tuned.state_at(5.0))
        paths.append(np.asarray(tuned.readout(states), dtype=float)[:, 0])
    target = 5.0 + np.cumsum(command) * network.dt / network.tau
    return xr.Dataset(
        {"position": (("mistuning", "time"), np.stack(paths), {"units": "degrees"}), "target": ("time", target)},
        coords={"mistuning": list(_SHOWN), "time": ("time", time, {"units": "s"})},
    )
