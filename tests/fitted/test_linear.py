"""Linear dynamical systems: exact on small cases, and the truth found again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from neurorec.fitted import (
    Dynamics,
    LinearFit,
    LinearSystem,
    Observation,
    fit_linear,
    fit_linear_arrays,
    infer_states,
    simulate_linear,
)
from neurorec.networks import System, jacobian, run
from neurorec.recording import InputError, recording_from_arrays


def rotation(radius: float, angle: float):
    """Decay and turn of a plane."""
    return radius * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def truth(kind: str, n_units: int, rng: np.random.Generator, n_inputs: int = 0) -> LinearFit:
    """Two planes that decay and turn, seen by units."""
    A = np.zeros((4, 4))
    A[:2, :2], A[2:, 2:] = rotation(0.95, 0.3), rotation(0.85, 0.9)
    C = rng.standard_normal((n_units, 4)) * (1.0 if kind == "gaussian" else 0.4)
    d = rng.normal(-1.0 if kind == "poisson" else 0.5, 0.3, n_units)
    variance = rng.uniform(0.5, 1.5, n_units) if kind == "gaussian" else np.full(n_units, np.nan)
    dynamics = Dynamics(A, 0.2 * np.eye(4), np.array([1.0, 0, 0, 0]), 0.5 * np.eye(4))
    B = rng.standard_normal((4, n_inputs))
    return LinearFit(dynamics, B, Observation(kind, C, d, variance), np.zeros(1), True, 0.02, ())


def dense(fit: LinearFit, n_time: int, drive=None):
    """Mean and covariance of all states of a stretch, one after the other, written out."""
    A, Q, m, P = fit.dynamics
    n = len(A)
    mean, spread = np.zeros((n_time, n)), np.zeros((n_time, n, n_time, n))
    mean[0], spread[0, :, 0] = m, P
    for t in range(1, n_time):
        mean[t] = A @ mean[t - 1] + (0 if drive is None else drive[t - 1])
        for s in range(t):
            spread[t, :, s] = A @ spread[t - 1, :, s]
            spread[s, :, t] = spread[t, :, s].T
        spread[t, :, t] = A @ spread[t - 1, :, t - 1] @ A.T + Q
    return mean.ravel(), spread.reshape(n_time * n, n_time * n)


def test_filter_and_smoother_are_the_dense_gaussian():
    rng = np.random.default_rng(0)
    fit = truth("gaussian", 3, rng, n_inputs=2)
    n_bins, u = np.array([4, 6, 4, 1]), rng.standard_normal((4, 6, 2))
    _, y = simulate_linear(fit, n_bins, inputs=u, rng=rng)
    found = fit.infer(y, n_bins=n_bins, inputs=u)
    total = 0.0
    for k, n in enumerate(n_bins):
        mean, spread = dense(fit, n, u[k, 1:] @ fit.input.T)
        wide = np.kron(np.eye(n), fit.seen.weights)
        noise = np.tile(fit.seen.variance, n)
        seen_mean, seen_spread = wide @ mean + np.tile(fit.seen.bias, n), wide @ spread @ wide.T + np.diag(noise)
        values = y[k, :n].ravel()
        total += multivariate_normal(seen_mean, seen_spread).logpdf(values)
        gain = spread @ wide.T @ np.linalg.inv(seen_spread)
        expected, left = mean + gain @ (values - seen_mean), spread - gain @ wide @ spread
        np.testing.assert_allclose(found.states.mean[k, :n], expected.reshape(n, 4), atol=1e-10)
        of_group = found.states.group[k]
        for t in range(n):
            block = left[4 * t : 4 * t + 4, 4 * t : 4 * t + 4]
            np.testing.assert_allclose(found.states.spread[of_group, t], block, atol=1e-10)
        for t in range(n - 1):
            block = left[4 * t + 4 : 4 * t + 8, 4 * t : 4 * t + 4]
            np.testing.assert_allclose(found.states.cross[of_group, t], block, atol=1e-10)
    assert found.bound == pytest.approx(total, abs=1e-8)
    assert found.states.group.tolist() == [1, 2, 1, 0]  # equal lengths share their covariances


def test_some_units_alone_are_the_system_without_the_others():
    rng = np.random.default_rng(1)
    fit = truth("gaussian", 5, rng)
    _, y = simulate_linear(fit, [5, 5], rng=rng)
    part = fit._replace(seen=fit.seen.of(np.array([0, 3])))
    a, b = fit.infer(y[..., [0, 3]], units=[0, 3]), part.infer(y[..., [0, 3]])
    np.testing.assert_array_equal(a.states.mean, b.states.mean)
    assert a.bound == b.bound


def test_counts_of_one_bin_have_the_posterior_of_a_grid():
    """A single state of one bin: the bound is below the integral and close to it, the mean near."""
    dynamics = Dynamics(np.eye(1), np.eye(1), np.zeros(1), np.array([[0.5]]))
    seen = Observation("poisson", np.array([[1.0], [0.7]]), np.array([0.2, 0.5]), np.full(2, np.nan))
    y = np.array([[[3.0, 1.0]]])
    found = infer_states(dynamics, seen, y, np.array([1]))
    x = np.linspace(-6, 6, 20001)
    rate = np.exp(x[:, None] * seen.weights[:, 0] + seen.bias)
    log = (y[0, 0] * np.log(rate) - rate).sum(axis=1) - np.log(6.0) - x**2 - 0.5 * np.log(2 * np.pi * 0.5)
    mass = np.exp(log)
    exact = np.log(np.trapezoid(mass, x))
    assert exact - 0.01 < found.bound <= exact
    mean = np.trapezoid(mass * x, x) / np.trapezoid(mass, x)
    assert found.states.mean[0, 0, 0] == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
def test_eigenvalues_and_held_out_likelihood_of_the_truth_are_found(kind):
    rng = np.random.default_rng(2)
    true, n_bins = truth(kind, 25, rng), rng.integers(20, 40, 50)
    _, y = simulate_linear(true, n_bins, rng=rng)
    fit = fit_linear_arrays(y, 4, n_bins=n_bins, observation=kind, max_iter=40, shrinkage=0.0)
    assert fit.converged
    least = -1e-6 if kind == "gaussian" else -1e-3 * np.ptp(fit.bound[1:])
    assert np.diff(fit.bound).min() >= least
    of = [np.sort_complex(np.linalg.eigvals(f.dynamics.transition)) for f in (fit, true)]
    np.testing.assert_allclose(*of, atol=0.08)
    new = rng.integers(20, 50, 30)
    _, held_out = simulate_linear(true, new, rng=rng)
    reached, best = (f.infer(held_out, n_bins=new).bound for f in (fit, true))
    silent = true._replace(seen=true.seen._replace(weights=0 * true.seen.weights, variance=y.var(axis=(0, 1))))
    nothing = silent.infer(held_out, n_bins=new).bound
    assert best > nothing
    assert reached > best - 0.05 * (best - nothing)


def test_inputs_are_told_from_the_states_they_move():
    rng = np.random.default_rng(3)
    true = truth("gaussian", 20, rng, n_inputs=1)
    u = rng.standard_normal((40, 40, 1))
    _, y = simulate_linear(true, np.full(40, 40), inputs=u, rng=rng)
    fit = fit_linear_arrays(y, 4, inputs=u, max_iter=30)
    A, B, C = true.dynamics.transition, true.input, true.seen.weights
    for lag in range(3):  # what an input does to the units does not depend on how states are written
        response = C @ np.linalg.matrix_power(A, lag) @ B
        found = fit.seen.weights @ np.linalg.matrix_power(fit.dynamics.transition, lag) @ fit.input
        assert np.corrcoef(response.ravel(), found.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
def test_it_is_a_system(kind):
    system = truth(kind, 6, np.random.default_rng(4), n_inputs=2).system
    assert isinstance(system, System)
    assert (system.n_states, system.n_units, system.n_outputs, system.n_inputs) == (4, 6, 6, 2)
    inputs = np.random.default_rng(5).standard_normal((5, 3, 2))
    states = run(system, inputs)
    assert states.shape == (5, 3, 4)
    with jax.enable_x64(True):
        x, u = jnp.asarray(np.asarray(states[2, 1], dtype=float)), jnp.asarray(inputs[0, 0])
        np.testing.assert_allclose(jacobian(system, x, u), jax.jacfwd(system.step)(x, u), atol=1e-12)
    eta = np.asarray(states) @ system.output.T + system.bias
    np.testing.assert_allclose(system.activity(states), eta if kind == "gaussian" else np.exp(eta), rtol=2e-4)


def test_trials_of_a_recording_are_its_stretches(recording):
    fit = fit_linear(recording, 2, max_iter=4)
    assert fit.seen.kind == "poisson"
    assert fit.area == tuple(recording["area"].values)
    assert fit.dt == 0.02
    assert not fit.converged
    assert fit.n_iter == 4
    with pytest.raises(InputError, match="trials"):
        fit_linear(recording_from_arrays(np.ones((9, 2)), bin_width=0.1), 1)


def test_a_unit_without_a_spike_does_no_harm():
    y = np.random.default_rng(6).poisson(0.5, (20, 15, 6)).astype(float)
    y[..., 2] = 0
    fit = fit_linear_arrays(y, 2, observation="poisson", max_iter=5)
    assert np.isfinite(fit.bound).all()
    assert fit.seen.rate(np.zeros(2))[2] < 0.01


def test_wrong_input_is_named():
    y = np.zeros((3, 5, 2))
    with pytest.raises(InputError, match="counts"):
        fit_linear_arrays(y - 1, 1, observation="poisson")
    with pytest.raises(InputError, match="'gaussian' or 'poisson'"):
        fit_linear_arrays(y, 1, observation="gamma")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nan"):
        fit_linear_arrays(y * np.nan, 1)
    with pytest.raises(InputError, match="n_states"):
        fit_linear_arrays(y, 0)
    with pytest.raises(InputError, match="1 to 5 bins"):
        fit_linear_arrays(y, 1, n_bins=[6, 5, 5])


def test_a_system_needs_no_states_that_are_not_there():
    system = LinearSystem(np.eye(1), np.zeros((1, 0)), np.ones((2, 1)), np.zeros(2), np.ones(1))
    assert system.initial_state.dtype == np.float32
    assert system.step(system.initial_state, jnp.zeros(0)).tolist() == [1.0]
