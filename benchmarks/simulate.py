"""The work that is measured: simulated populations of coupled units, and one real recording."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

N_TASK, N_LAGS = 40, 12
TRIAL = 150  # bins
RECORDING = Path(__file__).parents[2] / "shared" / "data" / "steinmetz2019" / "session04.nwb"


class Size(NamedTuple):
    """How large a simulated population is, and how active."""

    n_units: int
    n_times: int
    n_filters: int = 4
    rates: tuple[float, float] = (0.05, 0.6)  # per bin, log-uniform among the units
    coupling: float = 0.1  # standard deviation of a weight


SIZES = {
    "tiny": Size(5, 1_000),
    "S": Size(30, 20_000),
    "M": Size(100, 50_000),
    "L": Size(300, 100_000),
    "low_rate": Size(200, 60_000, rates=(0.001, 0.024), coupling=0.4),  # .2 to 4.8 Hz in bins of 5 ms
    "wide": Size(1_769, 10_000, n_filters=3, rates=(0.01, 0.3)),
}


class Past(NamedTuple):
    """What the last columns of a design were made from: every unit's counts through every filter, z-scored."""

    counts: NDArray[np.float32]  # (bin, unit)
    filters: NDArray[np.float64]  # (lag, filter)
    lags: NDArray[np.intp]  # bins
    position: NDArray[np.intp]  # bin of each row of the design
    mean: NDArray[np.float64]  # (unit x filter,), of the columns before they were z-scored
    scale: NDArray[np.float64]


class Work(NamedTuple):
    """Design, responses, mask, and what the coupling columns were made from."""

    said: str  # what the table says it is
    X: NDArray[np.float32]  # (time, feature)
    Y: NDArray[np.float32]  # (time, unit)
    allowed: NDArray[np.bool_]  # (unit, feature)
    past: Past

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.Y.shape[1]


def make_work(name: str, seed: int) -> Work:
    """The work of a size; the wide one is a recording where that is at hand."""
    if name == "wide" and RECORDING.exists():
        return read_wide()
    size = SIZES[name]
    work = simulate(size, np.random.default_rng(seed))
    said = f"simulated, seed {seed}"
    if name == "wide":
        said += " (stands in for a recording that is not at hand)"
    return work._replace(said=said)


def simulate(size: Size, rng: np.random.Generator) -> Work:
    """Task columns, then log-spaced filters of every unit's past; a unit may not use its own."""
    task = task_columns(size.n_times, rng)
    filters = raised_cosines(size.n_filters)
    Y = simulate_spikes(task, filters, size, rng)
    past, mean, scale = zscore(filtered(Y, filters))
    allowed = np.ones((size.n_units, N_TASK + past.shape[1]), dtype=bool)
    for unit in range(size.n_units):
        allowed[unit, N_TASK + size.n_filters * unit : N_TASK + size.n_filters * (unit + 1)] = False
    made_of = Past(Y, filters.T, np.arange(1, N_LAGS + 1), np.arange(size.n_times), mean, scale)
    return Work("", np.hstack([task.astype(np.float32), past]), Y, allowed, made_of)


def task_columns(n_times: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Event kernels (16), tonic task variables (8), running (4), pupil (4), drift (8): (time, 40), z-scored."""
    n_trials = n_times // TRIAL + 1
    columns = []
    for _ in range(2):  # events, once a trial, seen through 8 overlapping bumps
        events = np.zeros(n_times + 200)
        events[TRIAL * np.arange(n_trials) + rng.integers(0, TRIAL // 2, n_trials)] = rng.uniform(0.5, 1.5, n_trials)
        for centre in np.linspace(0, 60, 8):
            bump = np.exp(-0.5 * ((np.arange(100) - centre) / 6) ** 2)
            columns.append(np.convolve(events, bump)[:n_times])
    for _ in range(8):
        columns.append(np.repeat(rng.standard_normal(n_trials), TRIAL)[:n_times] + 0.1 * rng.standard_normal(n_times))
    running = np.maximum(smooth_noise(n_times + 40, 30, rng), 0) + 0.1 * rng.standard_normal(n_times + 40)
    pupil = smooth_noise(n_times + 120, 150, rng) + 0.1 * rng.standard_normal(n_times + 120)
    columns += [running[delay : n_times + delay] for delay in (0, 10, 20, 30)]
    columns += [pupil[delay : n_times + delay] for delay in (0, 30, 60, 90)]
    along = np.linspace(0, np.pi, n_times)
    columns += [np.cos(along * k) for k in range(1, 9)]
    return zscore(np.stack(columns, axis=1))[0]


def smooth_noise(n_times: int, decay: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise that forgets within ``decay`` bins, of standard deviation 1."""
    kernel = np.exp(-np.arange(int(8 * decay)) / decay)
    noise = np.convolve(rng.standard_normal(n_times + kernel.size), kernel)[kernel.size : n_times + kernel.size]
    return noise / noise.std()


def raised_cosines(n_filters: int) -> NDArray[np.float64]:
    """Bumps whose centres are spread over the logarithm of the lag, ``(filter, lag)``."""
    lags = np.log(np.arange(1, N_LAGS + 1))
    centres = np.linspace(0, lags[-1], n_filters)
    phase = np.clip((lags - centres[:, None]) / (centres[1] - centres[0]), -1, 1) * np.pi
    return (1 + np.cos(phase)) / 2


def simulate_spikes(task: NDArray, filters: NDArray, size: Size, rng: np.random.Generator) -> NDArray[np.float32]:
    """Counts of units that listen to the task and, through one decaying filter, to about ten others each.

    The weights are scaled such that no unit hears more than half a spike for each it could fire: activity cannot run
    away.
    """
    n_times, n_units = size.n_times, size.n_units
    log_rate = rng.uniform(np.log(size.rates[0]), np.log(size.rates[1]), n_units)
    kernel = filters.sum(axis=0) * np.exp(-np.arange(N_LAGS) / 4)
    weights = scipy.sparse.random_array(
        (n_units, n_units), density=min(1, 10 / n_units), rng=rng, data_sampler=lambda size: rng.normal(0, 1, size)
    ).tocsr()
    weights.setdiag(0)
    weights *= size.coupling
    caused = np.abs(weights) @ np.ones(n_units) * kernel.sum() * np.exp(log_rate).max()
    weights *= min(1.0, 0.5 / caused.max())
    drive = task @ rng.normal(0, 0.08, (N_TASK, n_units)) + log_rate
    drive -= np.log(np.exp(drive).mean(axis=0)) - log_rate  # the mean rate, whatever the task adds
    usual = weights @ (kernel.sum() * np.exp(log_rate))
    highest = np.log(3 * size.rates[1])
    Y = np.zeros((n_times + N_LAGS, n_units), dtype=np.float32)
    for time in range(n_times):
        heard = kernel[::-1] @ Y[time : time + N_LAGS]
        Y[time + N_LAGS] = rng.poisson(np.exp(np.minimum(drive[time] + weights @ heard - usual, highest)))
    return Y[N_LAGS:]


def filtered(Y: NDArray[np.float32], filters: NDArray) -> NDArray[np.float32]:
    """The past of every unit through every filter, ``(time, unit x filter)``."""
    past = np.zeros((*Y.shape, len(filters)), dtype=np.float32)
    for lag, weight in enumerate(filters.T, start=1):
        past[lag:] += Y[:-lag, :, None] * weight.astype(np.float32)
    return past.reshape(len(Y), -1)


def zscore(values: NDArray) -> tuple[NDArray, NDArray[np.float64], NDArray[np.float64]]:
    """Every column to mean 0 and standard deviation 1, in place; constant ones to 0. Also the mean and the scale."""
    mean = values.mean(axis=0, dtype=np.float64)
    values -= mean.astype(values.dtype)
    scale = values.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1
    values /= scale.astype(values.dtype)
    return values, mean, scale


def read_wide() -> Work:
    """The recording with more coupling columns than bins, through the default design without own history."""
    from neurorec import design, read_nwb

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units without spikes: they stay, as they do in a study
        recording = read_nwb(RECORDING)
    terms = [term for term in design.default_terms(recording).terms if not isinstance(term, design.History)]
    columns = design.design_matrix(recording, terms)
    used = np.flatnonzero(columns["usable"].values)
    counts = recording["activity"].transpose("time", "unit").values.astype(np.float32)
    coupling = columns["group"].values == "coupling"  # in order: (unit, filter)
    X = columns["matrix"].values[used]
    past, mean, scale = zscore(X[:, coupling])
    X = np.ascontiguousarray(np.hstack([zscore(X[:, ~coupling])[0], past]))
    basis = next(term.basis for term in terms if isinstance(term, design.Coupling))
    width = columns.attrs["bin_width"]
    lags = np.arange(round(basis.window[0] / width), round(basis.window[1] / width) + 1)
    made_of = Past(counts, basis(lags * width), lags, used, mean, scale)
    allowed = np.hstack([columns["allowed"].values[:, ~coupling], columns["allowed"].values[:, coupling]])
    return Work(f"{RECORDING.name}, default design without own history", X, counts[used], allowed, made_of)
