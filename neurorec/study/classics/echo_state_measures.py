"""What echo state networks can do, measured: memory, nonlinear filtering, foresight, and all near the edge of chaos."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.dynamics import lyapunov_spectrum
from neurorec.networks import Reservoir, reservoir_states, reservoir_weights
from neurorec.tasks import NARMA, MackeyGlass
from neurorec.training import Readout, fit_readout

MEMORY: dict[str, dict[str, Any]] = {
    "linear, orthogonal": {"spectral_radius": 0.98, "start": "orthogonal", "nonlinearity": "linear"},
    "tanh": {"spectral_radius": 0.9, "density": 0.2, "nonlinearity": "tanh"},
}
# of NARMA-10: weak inputs, so that units are nearly linear and remember, and a bias, so that they are not quite; folds
# of the training data choose one of four
FILTERING = tuple(
    {"spectral_radius": 0.9, "input_scaling": scaling, "bias_scaling": bias}
    for scaling in (0.05, 0.1)
    for bias in (0.1, 0.3)
)
FORESIGHT = ({"spectral_radius": 0.9, "input_scaling": 1.0, "bias_scaling": 0.2},)  # as they come: not tuned
N_TAPS = 30
LAST = 12  # delays over which parity is asked
HEARD = 4  # units that a threshold unit hears


def draw_states(inputs: NDArray, n_units: int, *, rng: np.random.Generator, **options: Any) -> NDArray[np.float64]:
    """States ``(time, unit)``, in double precision, of a reservoir drawn as `Reservoir.random` does."""
    names = ("spectral_radius", "density", "start")
    weights = reservoir_weights(n_units, rng=rng, **{name: options[name] for name in names if name in options})
    into = options.get("input_scaling", 0.1) * rng.uniform(-1, 1, (n_units, inputs.shape[1]))
    bias = options.get("bias_scaling", 0.0) * rng.uniform(-1, 1, n_units)
    return reservoir_states(weights, into, inputs, bias=bias, nonlinearity=options.get("nonlinearity", "tanh"))


def held_out(states: NDArray, targets: NDArray, n_train: int) -> NDArray[np.float64]:
    """Mean squared error over variance ``(output,)`` on the steps after those that the readout has learnt from."""
    return missed(fit_readout(states[:n_train], targets[:n_train]), states[n_train:], targets[n_train:])


def missed(readout: Readout, states: NDArray, targets: NDArray) -> NDArray[np.float64]:
    """Mean squared error over variance ``(output,)``."""
    return ((readout.outputs(states) - targets) ** 2).mean(axis=0) / targets.var(axis=0)


def memory_capacity(
    states: Callable[[NDArray], NDArray], n_lags: int, *, n_steps: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Capacity by lag ``(lag,)``: the variance of the input k steps ago, k from 1, that a linear readout explains.

    Of states that follow from inputs ``(time, 1)``, on as many held-out steps as are learnt from (Jaeger 2002, GMD
    Report 152).
    """
    washout = n_lags + 200
    u = rng.uniform(-1, 1, (washout + 2 * n_steps, 1))
    due = np.stack([u[washout - k : len(u) - k, 0] for k in range(1, n_lags + 1)], axis=1)
    return 1 - held_out(states(u)[washout:], due, n_steps)


def memory(sizes: tuple[int, ...], *, seeds: list[int], n_steps: int, tick: Callable[[], Any]) -> xr.Dataset:
    """Capacity up to lags of twice the units ``(network, n_units, seed)``, and what theory expects of linear units."""
    total = np.empty((len(MEMORY), len(sizes), len(seeds)))
    expected = np.full_like(total, np.nan)
    for i, options in enumerate(MEMORY.values()):
        for j, n_units in enumerate(sizes):
            for k, seed in enumerate(seeds):
                numbers = [seed, i, n_units]

                def states(u: NDArray, n: int = n_units, numbers: Any = numbers, options: Any = options) -> NDArray:
                    return draw_states(u, n, rng=np.random.default_rng(numbers), **options)

                rng = np.random.default_rng([*numbers, 1])
                total[i, j, k] = memory_capacity(states, 2 * n_units, n_steps=n_steps, rng=rng).sum()
                if options["nonlinearity"] == "linear":
                    expected[i, j, k] = linear_capacity(states(np.eye(1, 40 * n_units).T), 2 * n_units)
                tick()
    over = ("network", "n_units", "seed")
    coords = {"network": list(MEMORY), "n_units": list(sizes), "seed": seeds}
    return xr.Dataset({"capacity": (over, total), "expected": (over, expected)}, coords=coords)


def linear_capacity(echoes: NDArray, n_lags: int) -> float:
    r"""Capacity of linear units with unlimited data, from their response to one input ``(time, unit)``.

    With :math:`v_k = W^k V`, :math:`\sum_k v_k^T (\sum_j v_j v_j^T)^+ v_k` over the lags; of all lags together it is
    the number of units (White, Lee & Sompolinsky 2004, doi:10.1103/PhysRevLett.92.148102).
    """
    inverse = np.linalg.pinv(echoes.T @ echoes, hermitian=True)
    asked = echoes[1 : n_lags + 1]
    return float(np.einsum("ku,uv,kv->", asked, inverse, asked))


def filtering(sizes: tuple[int, ...], *, seeds: list[int], n_steps: int, tick: Callable[[], Any]) -> xr.Dataset:
    """Errors in NARMA-10 ``(n_units, seed)``, NRMSE, and those of a linear filter of 30 taps ``(seed,)``."""
    task = NARMA(duration=(2 * n_steps + 200) * 0.1, washout=0)
    return _errors(task, sizes, seeds, n_steps, tick, FILTERING)


def foresight(sizes: tuple[int, ...], *, seeds: list[int], n_steps: int, tick: Callable[[], Any]) -> xr.Dataset:
    """Errors in Mackey-Glass, ten steps ahead, NRMSE; as `filtering`."""
    task = MackeyGlass(horizon=10, duration=(2 * n_steps + 200) * 0.1, washout=0)
    return _errors(task, sizes, seeds, n_steps, tick, FORESIGHT)


def _errors(
    task: NARMA | MackeyGlass, sizes: tuple[int, ...], seeds: list[int], n_steps: int, tick: Callable, choices: tuple
) -> xr.Dataset:
    error, baseline = np.empty((len(sizes), len(seeds))), np.empty(len(seeds))
    for k, seed in enumerate(seeds):
        trials = task.sample(1, rng=np.random.default_rng([seed, 2]))
        u, y = trials["inputs"].values[0].astype(float), trials["targets"].values[0, 200:].astype(float)
        taps = np.stack([u[200 - j : len(u) - j, 0] for j in range(N_TAPS)], axis=1)
        baseline[k] = np.sqrt(held_out(taps, y, n_steps)[0])
        for j, n_units in enumerate(sizes):
            least = np.inf
            for options in choices:
                states = draw_states(u, n_units, rng=np.random.default_rng([seed, 3, n_units]), **options)[200:]
                found = fit_readout(states[:n_steps], y[:n_steps])
                if found.error[0] < least:  # of folds of what is learnt from; the steps after them are seen below only
                    least, error[j, k] = found.error[0], np.sqrt(missed(found, states[n_steps:], y[n_steps:])[0])
            tick()
    coords = {"n_units": list(sizes), "seed": seeds}
    return xr.Dataset({"error": (("n_units", "seed"), error), "baseline": ("seed", baseline)}, coords=coords)


def edge(gains: NDArray, *, n_units: int, seeds: list[int], n_steps: int, tick: Callable[[], Any]) -> xr.Dataset:
    """Largest Lyapunov exponents without and with inputs ``(condition, gain, seed)``, per step, and capacities.

    ``memory (gain, seed)`` is that of lags up to 100, ``filtering`` the variance of NARMA-10 that is
    explained. The weights of a seed are the same but for the gain, their spectral radius.
    """
    exponent = np.empty((2, gains.size, len(seeds)))
    kept = np.empty((2, gains.size, len(seeds)))
    task = NARMA(duration=(2 * n_steps + 200) * 0.1, washout=0)
    for k, seed in enumerate(seeds):
        trials = task.sample(1, rng=np.random.default_rng([seed, 4]))
        u, y = trials["inputs"].values[0].astype(float), trials["targets"].values[0, 200:].astype(float)
        for j, gain in enumerate(gains):
            numbers = [seed, 5]

            def states(u: NDArray, gain: float = gain, numbers: Any = numbers) -> NDArray:
                rng = np.random.default_rng(numbers)
                return draw_states(u, n_units, rng=rng, spectral_radius=gain, input_scaling=0.1, bias_scaling=0.1)

            rng = np.random.default_rng([seed, 6])
            kept[0, j, k] = memory_capacity(states, 100, n_steps=n_steps, rng=rng).clip(0).sum()
            kept[1, j, k] = max(0.0, 1 - held_out(states(u)[200:], y, n_steps)[0])
            exponent[:, j, k] = exponents(gain, n_units, numbers)
            tick()
    over = ("gain", "seed")
    found = {"exponent": (("condition", *over), exponent), "memory": (over, kept[0]), "filtering": (over, kept[1])}
    coords = {"condition": ["no input", "with input"], "gain": gains, "seed": seeds}
    return xr.Dataset(found, coords=coords)


def exponents(gain: float, n_units: int, numbers: list[int], *, n_steps: int = 1500) -> tuple[float, float]:
    """Largest Lyapunov exponent, per step, of a reservoir by itself, and under noise as strong as in `edge`."""
    rng = np.random.default_rng(numbers)
    reservoir = Reservoir.random(1, n_units, spectral_radius=gain, input_scaling=0.1, dt=1.0, rng=rng)
    start = jnp.asarray(rng.standard_normal(n_units).astype(np.float32))
    noise = rng.uniform(-1, 1, (n_steps + 500, 1))
    options: dict[str, Any] = {"n_exponents": 1, "n_washout": 500, "n_steps": n_steps, "dt": 1.0}
    found = [lyapunov_spectrum(reservoir, start, inputs=u, **options) for u in (np.zeros(1), noise)]
    return float(found[0].exponents[0]), float(found[1].exponents[0])


def parity(variances: NDArray, *, n_units: int, seeds: list[int], n_steps: int, tick: Callable[[], Any]) -> xr.Dataset:
    """3-bit parity in networks of threshold units, by the variance of their weights.

    Every unit hears four others and the input, -1 or 1 (Bertschinger & Natschlaeger 2004). ``information (variance,
    seed)`` is the mutual information of parity and linear readout, bits, summed over delays;
    ``exponent (variance, seed)`` the logarithm of how many units change in the next step where one does.
    """
    information, exponent = np.empty((2, variances.size, len(seeds)))
    for k, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 7])
        heard = np.argsort(rng.random((n_units, n_units)), axis=1)[:, :HEARD]
        drawn = rng.standard_normal(heard.shape)
        bits = rng.integers(0, 2, 2 * n_steps + 100)
        drive = 2.0 * bits - 1
        odd = [sum(np.roll(bits, lag + j) for j in range(3)) % 2 for lag in range(LAST)]
        due = 2.0 * np.stack(odd, axis=1)[100:] - 1
        for j, variance in enumerate(variances):
            weights = np.zeros((n_units, n_units))
            np.put_along_axis(weights, heard, np.sqrt(variance) * drawn, axis=1)
            states = reservoir_states(weights, np.ones((n_units, 1)), drive[:, None], nonlinearity="sign")
            exponent[j, k] = spreading(weights, heard, states[99:299], drive[100:300])
            found = fit_readout(states[100 : n_steps + 100], due[:n_steps], penalties=n_steps * np.logspace(-4, 1, 6))
            said = found.outputs(states[n_steps + 100 :]) > 0
            pairs = zip(said.T, (due[n_steps:] > 0).T, strict=True)
            information[j, k] = sum(mutual_information(a, b) for a, b in pairs)
            tick()
    over = ("variance", "seed")
    found = {"information": (over, information, {"units": "bits"}), "exponent": (over, exponent)}
    return xr.Dataset(found, coords={"variance": variances, "seed": seeds})


def spreading(weights: NDArray, heard: NDArray, states: NDArray, drive: NDArray) -> float:
    """Logarithm of the mean number of units that change after one has changed; states -1 or 1 ``(time, unit)``."""
    sums = states @ weights.T + drive[:, None]
    changed = 0.0
    for k in range(heard.shape[1]):
        by = weights[np.arange(len(weights)), heard[:, k]] * states[:, heard[:, k]]
        changed += ((sums - 2 * by >= 0) != (sums >= 0)).mean()
    return float(np.log(changed)) if changed > 0 else -np.inf


def mutual_information(one: NDArray, other: NDArray) -> float:
    """Between two sequences of yes and no, bits.

    Examples
    --------
    >>> mutual_information(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0]))
    1.0
    """
    share = np.array([[np.mean((one == a) & (other == b)) for b in (0, 1)] for a in (0, 1)])
    apart = share.sum(axis=1, keepdims=True) * share.sum(axis=0)
    there = share > 0
    return float((share[there] * np.log2(share[there] / apart[there])).sum())
