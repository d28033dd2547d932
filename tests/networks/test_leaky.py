"""The leaky network and its weights: Dale's law, masks, low rank, noise that does not depend on the time step."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    Constrained,
    Leaky,
    LowRank,
    block_mask,
    dale_signs,
    plain_weights,
    prepare,
    run,
    with_readout,
)
from neurorec.networks.nonlinearity import NONLINEARITIES, apply, slope
from neurorec.recording import InputError


def shaken(weights, rng):
    """The same with parameters moved anywhere, as training might."""
    return eqx.tree_at(
        lambda w: w.strength, weights, jnp.asarray(rng.standard_normal(weights.shape), dtype=jnp.float32)
    )


def test_dales_law_and_the_mask_are_kept_wherever_training_goes():
    rng = np.random.default_rng(0)
    sign, mask = dale_signs(10), block_mask({"V1": 6, "PPC": 4}, between=0.3, rng=rng)[0]
    weights = np.asarray(plain_weights(shaken(Constrained.random(10, mask=mask, sign=sign, rng=rng), rng)))
    assert (weights[~mask] == 0).all()
    assert (weights * sign >= 0).all()
    assert (weights[mask] != 0).all()


def test_weights_are_drawn_at_the_gain_that_is_asked_for():
    rng = np.random.default_rng(1)
    weights = plain_weights(Constrained.random(50, gain=1.3, sign=dale_signs(50), rng=rng))
    assert np.abs(np.linalg.eigvals(np.asarray(weights, dtype=float))).max() == pytest.approx(1.3, rel=1e-4)


def test_weights_made_of_others_act_as_the_plain_ones():
    rng = np.random.default_rng(2)
    inputs = rng.standard_normal((4, 3, 2)).astype(np.float32)
    signed = Constrained.random(6, sign=dale_signs(6), rng=rng)
    for weights in (LowRank.random(6, 2, rng=rng), signed):
        made = Leaky.random(2, 6, recurrent=weights, rng=np.random.default_rng(3))
        plain = eqx.tree_at(lambda cell: cell.recurrent, made, plain_weights(weights))
        one, other = (with_readout(cell, 1, rng=np.random.default_rng(4)) for cell in (made, plain))
        found, expected = (run(network, inputs) for network in (one, other))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.linalg.matrix_rank(LowRank.random(6, 2, rng=rng).weights(), tol=1e-4) == 2
    assert isinstance(prepare(one).cell.recurrent, jnp.ndarray)


@pytest.mark.parametrize(("form", "inside"), [("rate", True), ("rate", False), ("current", True)])
def test_the_variance_of_noise_does_not_depend_on_the_time_step(form, inside):
    """Linear units without weights: a process of Ornstein and Uhlenbeck, of variance noise^2 / (1 - a / 2)."""
    rng, noise, tau = np.random.default_rng(5), 0.3, 0.1
    for dt in (0.02, 0.008):
        cell = Leaky(
            jnp.zeros((1, 1)),
            jnp.zeros((1, 1)),
            jnp.zeros(1),
            dt=dt,
            tau=tau,
            noise=noise,
            nonlinearity="linear",
            form=form,
            noise_inside=inside,
        )
        n_steps = round(6 * tau / dt)
        draws = rng.standard_normal((n_steps, 20000, 1)).astype(np.float32)
        states = run(with_readout(cell, 1, rng=rng), np.zeros((n_steps, 20000, 1), dtype=np.float32), draws=draws)
        assert np.var(states[-1]) == pytest.approx(noise**2 / (1 - dt / tau / 2), rel=0.04)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_slopes_are_derivatives(name):
    x = np.linspace(-2.95, 2.95, 24)
    f = {
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "softplus": lambda x: np.log1p(np.exp(x)),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "linear": lambda x: x,
    }[name]
    np.testing.assert_allclose(apply(name, jnp.asarray(x)), f(x), rtol=1e-5, atol=1e-6)
    found = slope(name, apply(name, jnp.asarray(x)))
    np.testing.assert_allclose(found, (f(x + 1e-5) - f(x - 1e-5)) / 2e-5, rtol=1e-4, atol=1e-5)


def test_wrong_settings_are_refused():
    rng = np.random.default_rng(6)
    for wrong in ({"dt": 0.2}, {"noise": -1.0}, {"form": "spikes"}, {"area": ("V1",)}, {"nonlinearity": "step"}):
        with pytest.raises(InputError):
            Leaky.random(2, 3, **wrong, rng=rng)
    with pytest.raises(InputError, match="share"):
        dale_signs(5, excitatory=80)
