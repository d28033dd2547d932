"""Rates of spiking units by theory: beside simulation, in limits, and the rate network matched to a spiking one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfc

from neurorec.networks import LIFNetwork, MatchedRates, Population, ShortTerm, System, jacobian, lif_rate, run_lif
from neurorec.recording import InputError


@pytest.mark.parametrize(("mean", "spread"), [(15.0, 5.0), (5.0, 8.0), (25.0, 3.0)])
def test_the_rate_is_the_integral_that_siegert_wrote(mean, spread):
    whole, _ = quad(lambda u: np.exp(u**2) * erfc(-u), (10 - mean) / spread, (20 - mean) / spread)
    assert lif_rate(mean, spread) == pytest.approx(1 / (0.002 + 0.02 * np.sqrt(np.pi) * whole), rel=1e-6)


def test_limits():
    assert lif_rate(0.0, 0.5) < 1e-12
    assert lif_rate(1e6, 5.0) == pytest.approx(500, rel=0.01)  # 1 / refractory


def unit(n, mean, spread, **options):
    """Units under a background of a mean and spread (mV)."""
    weight = 0.1
    rate = spread**2 / (0.02 * weight**2)
    drive = mean - 0.02 * rate * weight
    return Population("E", n, drive=drive, background_rate=rate, background_weight=weight, **options)


@pytest.mark.parametrize("tau_synapse", [(0.0, 0.0), (0.001, 0.001)])
def test_spiking_units_do_what_theory_says(tau_synapse):
    rng = np.random.default_rng(0)
    network = LIFNetwork.random([unit(200, 18.0, 5.0)], {}, probability=0.0, dt=5e-5, tau_synapse=tau_synapse, rng=rng)
    seen = run_lif(network, duration=2.0, rng=rng).step.size / 400
    settled = MatchedRates.of(network, by_population=True).settle([])
    assert settled.converged
    assert seen == pytest.approx(float(settled.rate[0]), rel=0.08)


@pytest.fixture(scope="module")
def pair():
    weight = {("E", "E"): 0.3, ("E", "I"): 0.3, ("I", "E"): -1.5, ("I", "I"): -1.5, ("X", "E"): 0.4, ("X", "I"): 0.4}
    units = (Population("E", 80), Population("I", 20))
    return LIFNetwork.random(units, weight, probability=0.3, inputs={"X": 200}, rng=np.random.default_rng(0))


def test_settled_rates_are_fixed_points_of_the_rate_network(pair):
    for by_population, inputs in ((True, [50.0]), (False, np.full(200, 50.0))):
        matched = MatchedRates.of(pair, by_population=by_population)
        settled = matched.settle(inputs, tolerance=1e-6)
        assert settled.converged
        assert settled.rate.min() > 0.1
        after = eqx.filter_jit(matched.step)(jnp.asarray(settled.rate), jnp.asarray(inputs))
        np.testing.assert_allclose(after, settled.rate, rtol=2e-4)


def test_populations_are_means_of_units(pair):
    whole, single = MatchedRates.of(pair, by_population=True), MatchedRates.of(pair)
    assert isinstance(whole, System)
    rate = np.array([4.0, 9.0])
    drive = np.asarray(single.weight) @ np.concatenate([np.repeat(rate, [80, 20]), np.full(200, 5.0)])
    expected = [drive[:80].mean(), drive[80:].mean()]
    np.testing.assert_allclose(np.asarray(whole.weight) @ [*rate, 5.0], expected, rtol=1e-5)


def test_it_can_be_differentiated(pair):
    matched = MatchedRates.of(pair, by_population=True)
    with jax.enable_x64(True):
        at, given = jnp.array([5.0, 8.0]), jnp.array([25.0])
        exact, step = np.asarray(jax.jit(lambda x: jacobian(matched, x, given))(at)), eqx.filter_jit(matched.step)
        nudged = [step(at + 1e-5 * e, given) - step(at - 1e-5 * e, given) for e in np.eye(2)]
        np.testing.assert_allclose(exact, np.stack(nudged, axis=1) / 2e-5, rtol=1e-4, atol=1e-7)


def test_plastic_synapses_are_refused():
    kinds = {("E", "E"): ShortTerm(0.5, 0.1, 0.1)}
    network = LIFNetwork.random(
        [Population("E", 5)], {("E", "E"): 1.0}, probability=0.5, short_term=kinds, rng=np.random.default_rng(0)
    )
    with pytest.raises(InputError, match="constant synapses"):
        MatchedRates.of(network)
