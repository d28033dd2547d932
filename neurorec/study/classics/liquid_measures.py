"""What is measured of liquids: separation, fading memory, recall by linear readouts, and the recording of one."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from neurorec.networks import LIFNetwork, Liquid, count_spikes, liquid_state, run_lif, spikes_of_inputs
from neurorec.recording import recording_from_arrays

RATE, SEGMENT, JITTER, TAU = 20.0, 0.25, 4e-3, 0.03  # spikes/s, s, s, s
DT = 1e-4  # s
_INPUT_TAU = 5e-3  # s: inputs closer than this are alike, as in the paper
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)  # C of the readouts, chosen within the training trials


class Templates(NamedTuple):
    """Trials made of jittered templates.

    Attributes
    ----------
    counts : ndarray (trial, step)
        Input spikes.
    which : ndarray of int (trial, segment)
        Template of each segment.
    """

    counts: NDArray[np.int64]
    which: NDArray[np.int64]


def spike_train(seconds: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Poisson spike times, s."""
    return np.sort(rng.uniform(0, seconds, rng.poisson(RATE * seconds)))


def in_steps(times: NDArray, seconds: float) -> NDArray[np.int64]:
    """Spikes in each step ``(step,)``."""
    n = round(seconds / DT)
    return np.bincount(np.clip((times / DT).astype(int), 0, n - 1), minlength=n)


def template_trials(n_trials: int, *, n_segments: int = 4, rng: np.random.Generator) -> Templates:
    """Trials of segments of 0.25 s, each one of two templates with all spikes jittered by 4 ms."""
    known = [[spike_train(SEGMENT, rng) for _ in range(2)] for _ in range(n_segments)]
    which = rng.integers(2, size=(n_trials, n_segments))
    counts = []
    for row in which:
        times = []
        for k, choice in enumerate(row):
            template = known[k][choice]
            moved = template + JITTER * rng.standard_normal(template.size)
            times.append(k * SEGMENT + np.clip(moved, 0, SEGMENT - DT))
        counts.append(in_steps(np.concatenate(times), n_segments * SEGMENT))
    return Templates(np.stack(counts), which)


def states_after(network: LIFNetwork, counts: NDArray, times: NDArray, rng: np.random.Generator) -> NDArray:
    """States of the liquid at times (s) in each trial ``(trial, time, unit)``; every trial from its initial state."""
    found = []
    for row in counts:
        run = run_lif(network, duration=row.size * DT, inputs=spikes_of_inputs(row[:, None]), rng=rng)
        found.append(liquid_state(run, network.n_units, times, dt=DT, tau=TAU))
    return np.stack(found)


def recall(features: NDArray, which: NDArray, n_train: int) -> NDArray[np.float64]:
    """Share of held-out trials whose template in each segment logistic regression knows ``(segment,)``."""
    scores = []
    for labels in which.T:
        readout = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        search = GridSearchCV(readout, {"logisticregression__C": _PENALTIES}, cv=4)
        search.fit(features[:n_train], labels[:n_train])
        scores.append(search.score(features[n_train:], labels[n_train:]))
    return np.array(scores)


def inputs_alone(counts: NDArray, at: float) -> NDArray[np.float64]:
    """The inputs through the same exponential as the liquid's spikes, at a time ``(trial, 1)``."""
    passed = at - (np.arange(counts.shape[1]) + 1) * DT
    return (counts @ np.where(passed >= 0, np.exp(-np.maximum(passed, 0) / TAU), 0.0))[:, None]


def train_distance(first: NDArray, second: NDArray) -> float:
    """Distance of two spike trains ``(step,)``: L2 norm of their difference through a Gaussian of 5 ms, over its peak.

    ``(1/T int (u - v)^2 dt)^(1/2)`` with the Gaussian's height 1: two spikes apart at 20 spikes/s give near 0.4.
    """
    around = np.arange(-4 * _INPUT_TAU, 4 * _INPUT_TAU + DT, DT)
    kernel = np.exp(-((around / _INPUT_TAU) ** 2))
    gap = np.convolve(first - second, kernel, mode="same")
    return float(np.sqrt((gap**2).mean()))


def separation(made: Liquid, *, n_pairs: int, rng: np.random.Generator, seconds: float = 0.5) -> xr.Dataset:
    """Distances of states at the end of pairs of inputs, against the distances of the inputs.

    The second train of a pair is the first with a share of its spikes put elsewhere, from none to all. The distance of
    states is the Euclidean one; without a difference of inputs it is 0, as the liquid begins in the same state.
    """
    distance, states = [], []
    for k in range(n_pairs):
        train = spike_train(seconds, rng)
        moved = rng.random(train.size) < k / (n_pairs - 1)
        other = np.where(moved, rng.uniform(0, seconds, train.size), train)
        pair = np.stack([in_steps(t, seconds) for t in (train, np.sort(other))])
        distance.append(train_distance(*pair))
        at = np.arange(0.05, seconds + 1e-9, 0.05)
        first, second = states_after(made.network, pair, at, rng)
        states.append(np.sqrt(((first - second) ** 2).sum(axis=1)).mean())
    return xr.Dataset({"inputs": ("pair", distance), "states": ("pair", states)})


def fading(made: Liquid, *, n_pairs: int, rng: np.random.Generator, differ: float = 0.5) -> xr.Dataset:
    """Distances of states over time, of inputs that differ for half a second and are the same from then on."""
    seconds = differ + 1.0
    times = np.arange(0.05, seconds + 1e-9, 0.05)
    found = []
    for _ in range(n_pairs):
        rest = differ + spike_train(seconds - differ, rng)
        pair = np.stack([in_steps(np.concatenate([spike_train(differ, rng), rest]), seconds) for _ in range(2)])
        first, second = states_after(made.network, pair, times, rng)
        found.append(np.sqrt(((first - second) ** 2).sum(axis=1)))
    return xr.Dataset(
        {"distance": (("pair", "time"), np.stack(found))},
        coords={"time": ("time", times - differ, {"units": "s"})},
    )


def record_liquid(
    made: Liquid, *, n_trials: int, rng: np.random.Generator, seconds: float = 1.0, width: float = 0.01
) -> xr.Dataset:
    """A recording of a liquid in trials of random inputs, whose spikes are a signal of it."""
    per, n_bins = round(width / DT), round(seconds / width)
    counts, inputs = [], []
    for _ in range(n_trials):
        row = in_steps(spike_train(seconds, rng), seconds)
        run = run_lif(made.network, duration=seconds, inputs=spikes_of_inputs(row[:, None]), rng=rng)
        counts.append(count_spikes(run, made.network.n_units, per_bin=per))
        inputs.append(row.reshape(n_bins, per).sum(axis=1))
    start = np.arange(n_trials) * (seconds + 0.5)
    return recording_from_arrays(
        np.concatenate(counts),
        bin_width=width,
        area=list(made.network.area),
        time=(start[:, None] + np.arange(n_bins) * width).ravel(),
        segment=np.repeat(np.arange(n_trials), n_bins),
        trials=pd.DataFrame({"start": start, "stop": start + seconds}),
        signals={"inputs": np.concatenate(inputs).astype(float)},
        attrs={"source": "simulated", "network": "liquid"},
    )
