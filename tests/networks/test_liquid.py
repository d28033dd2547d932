"""The liquid: its wiring, and the state that readouts see."""

import numpy as np
import pytest

from neurorec.networks import MatchedRates, liquid_state, poisson_inputs, random_liquid, run_lif
from neurorec.recording import InputError


def test_units_are_joined_as_the_paper_says():
    counts, expected = np.zeros(4), np.zeros(4)
    for seed in range(10):
        made = random_liquid(rng=np.random.default_rng(seed))
        s, n = made.network.synapses, made.network.n_units
        source = np.repeat(np.arange(n + 1), np.diff(s.first))
        inner = source < n
        kind = (source[inner] >= 108) * 2 + (s.target[inner] >= 108)  # E to E, E to I, I to E, I to I
        counts += np.bincount(kind, minlength=4)
        d = np.linalg.norm(made.position[:, None] - made.position[None], axis=-1)
        near = np.exp(-((d / 2) ** 2)) * (d > 0)
        blocks = [near[a, b].sum() for a in (slice(108), slice(108, n)) for b in (slice(108), slice(108, n))]
        expected += np.array([0.3, 0.2, 0.4, 0.1]) * blocks
        assert (s.weight[inner & (source >= 108)] < 0).all()
        assert set(s.delay[inner].tolist()) == {15, 8}
    np.testing.assert_allclose(counts, expected, rtol=0.15)


@pytest.mark.long
def test_units_that_do_not_hear_each_other_do_what_inputs_make_them_do():
    made = random_liquid(strength=0.0, rng=np.random.default_rng(0))
    s, n = made.network.synapses, made.network.n_units
    rng = np.random.default_rng(1)
    inputs = poisson_inputs(np.full(50, 20.0), 1, dt=1e-4, bin_width=0.01, rng=rng)
    done = run_lif(made.network, duration=0.5, inputs=inputs, rng=rng)
    reached = s.target[s.first[n] :]
    assert done.step.size > 0
    assert set(done.unit.tolist()) <= set(reached.tolist())


def test_the_state_is_the_sum_of_what_is_left_of_spikes():
    made = random_liquid(rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    inputs = poisson_inputs(np.full(30, 40.0), 1, dt=1e-4, bin_width=0.01, rng=rng)
    done = run_lif(made.network, duration=0.3, inputs=inputs, rng=rng)
    found = liquid_state(done, 135, [0.1, 0.3], dt=1e-4, tau=0.02)
    trace, expected = np.zeros(135), []
    for t in range(3000):
        trace *= np.exp(-1e-4 / 0.02)
        np.add.at(trace, done.unit[done.step == t], 1.0)
        if t in (999, 2999):
            expected.append(trace.copy())
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_wrong_shares_are_refused():
    with pytest.raises(InputError, match="units of both kinds"):
        random_liquid(inhibitory=0.0, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="constant synapses"):
        MatchedRates.of(random_liquid(rng=np.random.default_rng(0)).network)
