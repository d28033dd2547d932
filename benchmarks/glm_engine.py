"""Time of the population GLM, beside scikit-learn's, on simulated populations of coupled units.

    python benchmarks/glm_engine.py --size S --penalty 1e-3

Sizes: S (30 units, 20,000 bins, 160 columns), M (100, 50,000, 440), T (734, 6,400, 2,242, a typical recording).
Times are CPU seconds of this process; a *pass* is the gradient of all units, two matrix products. Set
OPENBLAS_NUM_THREADS=1 for numbers that can be compared.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import PoissonRegressor

from neurorec.glm import fit_population, gram_eigh, penalty_path

SIZES = {"S": (30, 20_000, 4), "M": (100, 50_000, 4), "T": (734, 6_400, 3)}  # units, bins, filters per source
N_TASK, N_LAGS = 40, 12


def simulate_population(n_units: int, n_times: int, n_filters: int, rng: np.random.Generator):
    """Design, counts and mask: task columns, then log-spaced filters of every unit's past, own past masked."""
    smooth = np.exp(-np.arange(60) / 15)
    task = rng.standard_normal((n_times + 60, N_TASK))
    task = np.stack([np.convolve(column, smooth, "full")[60 : n_times + 60] for column in task.T], axis=1)
    task /= task.std(axis=0)
    drive = task @ rng.normal(0, 0.08, (N_TASK, n_units)) + np.log(rng.uniform(0.05, 0.6, n_units))
    sparse = rng.random((n_units, n_units)) < 10 / n_units
    weights = np.where(sparse, rng.normal(0, 0.1, sparse.shape), 0)
    Y = np.zeros((n_times, n_units), dtype=np.float32)
    trace = np.ones(n_units)
    for time_bin in range(n_times):
        Y[time_bin] = rng.poisson(np.exp(np.minimum(drive[time_bin] + weights @ (trace - 1), 1)))
        trace = 0.7 * trace + Y[time_bin]
    lags = np.log(np.arange(1, N_LAGS + 1))
    centres = np.linspace(0, lags[-1], n_filters)
    phase = np.clip((lags - centres[:, None]) / (centres[1] - centres[0]), -1, 1) * np.pi
    past = np.zeros((n_times, n_units, n_filters), dtype=np.float32)
    for lag, weight in enumerate(((1 + np.cos(phase)) / 2).T, start=1):
        past[lag:] += Y[:-lag, :, None] * weight.astype(np.float32)
    past = past.reshape(n_times, -1)
    past = (past - past.mean(axis=0)) / np.maximum(past.std(axis=0), 1e-6)
    allowed = np.ones((n_units, N_TASK + past.shape[1]), dtype=bool)
    for unit in range(n_units):
        allowed[unit, N_TASK + n_filters * unit : N_TASK + n_filters * (unit + 1)] = False
    return np.hstack([task, past]).astype(np.float32), Y, allowed


def timed(work: Callable):
    """Result and CPU seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="S")
    parser.add_argument("--penalty", type=float, default=1e-3, help="of the ridge fits, weakest of the path")
    parser.add_argument("--l1-ratio", type=float, default=0.95, help="of the elastic-net path")
    parser.add_argument("--skip-elastic-net", action="store_true")
    parser.add_argument("--n-peer-units", type=int, default=2, help="units fitted with scikit-learn")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    X, Y, allowed = simulate_population(*SIZES[arguments.size], rng=np.random.default_rng(arguments.seed))
    n_units, penalty = Y.shape[1], arguments.penalty
    print(f"{len(X)} bins, {X.shape[1]} columns, {n_units} units, {Y.mean():.2f} spikes per bin")
    B = np.zeros((n_units, X.shape[1]), dtype=np.float32)
    one_pass = min(timed(lambda: (B @ X.T) @ X)[1] for _ in range(3))
    print(f"{'':36}{'CPU s':>9}{'per unit':>10}{'in passes':>10}{'passes':>8}{'gap':>9}")

    def report(name: str, seconds: float, passes: float = np.nan, gap: float = np.nan) -> None:
        print(f"{name:36}{seconds:9.2f}{seconds / n_units:10.4f}{seconds / one_pass:10.1f}{passes:8.1f}{gap:9.1e}")

    report("one pass", one_pass, 1)
    curvature, seconds = timed(lambda: gram_eigh(X))
    _, seconds = timed(lambda: curvature.eigen(np.arange(X.shape[1])))
    report("Gram matrix and eigenvectors, once", seconds)
    options = {"allowed": allowed, "curvature": curvature}
    fit, seconds = timed(lambda: fit_population(X, Y, penalty=penalty, **options))
    report(f"ridge, penalty {penalty:g}", seconds, fit.n_iter.mean(), fit.gap.max())
    path, seconds = timed(lambda: penalty_path(X, Y, penalties=penalty * np.logspace(2, 0, 8), **options))
    report("ridge path of 8", seconds, path.n_iter.sum(axis=0).mean(), path.gap.max())
    if not arguments.skip_elastic_net:
        largest = (np.abs((Y - Y.mean(axis=0)).T @ X / len(X)) * allowed).max(axis=1) / arguments.l1_ratio
        path, seconds = timed(
            lambda: penalty_path(
                X, Y, penalties=largest * np.logspace(0, -2, 30)[:, None], l1_ratio=arguments.l1_ratio, **options
            )
        )
        report("elastic-net path of 30", seconds, path.n_iter.sum(axis=0).mean(), path.gap.max())
    peer = PoissonRegressor(alpha=penalty, solver="newton-cholesky", tol=1e-6, max_iter=100)
    n_peer = arguments.n_peer_units
    _, seconds = timed(lambda: [peer.fit(X[:, allowed[unit]].astype(float), Y[:, unit]) for unit in range(n_peer)])
    if n_peer:
        report(f"scikit-learn, from {n_peer} units", seconds / n_peer * n_units)


if __name__ == "__main__":
    main()
