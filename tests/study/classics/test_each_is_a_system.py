"""What is asked of any system can be asked of each of the classics: dynamics, and the benefit of recurrence."""

from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from neurorec.design import default_terms, design_matrix
from neurorec.dynamics import as_rule
from neurorec.networks import (
    SORN,
    ConceptorNetwork,
    Convolutional,
    DenseMemory,
    FollowNetwork,
    Hopfield,
    Leaky,
    LIFNetwork,
    MatchedRates,
    Population,
    PredictiveCoding,
    Reservoir,
    System,
    TunedIntegrator,
    random_liquid,
    run,
    simulate,
    with_readout,
)
from neurorec.recurrence import recurrence_benefit


def balanced(rng) -> LIFNetwork:
    kinds = [Population(name, n, background_rate=8000.0, background_weight=0.25) for name, n in (("E", 8), ("I", 4))]
    weight = {(a.name, b.name): 2.0 if a.name == "E" else -2.0 for a in kinds for b in kinds}
    return LIFNetwork.random(kinds, weight, probability=0.3, delay=1e-3, dt=5e-4, rng=rng)


def loaded(rng) -> ConceptorNetwork:
    recurrent = jnp.asarray(rng.standard_normal((20, 20)) / 20**0.5, dtype=jnp.float32)
    parts = recurrent, jnp.full(20, 0.2), jnp.ones((1, 20)), jnp.zeros(1), jnp.full(20, 0.5)
    return ConceptorNetwork(*parts, conceptor=jnp.diag(jnp.linspace(0, 1, 20)))


def following(rng) -> FollowNetwork:
    return FollowNetwork.random(20, 10, radius=1.0, command_radius=0.2, rng=rng)


def patterns(rng):
    return np.sign(rng.standard_normal((3, 20)))


CLASSICS = {
    "echo_state": lambda rng: Reservoir.random(2, 20, rng=rng),
    "liquid_state": lambda rng: random_liquid(2, shape=(2, 2, 2), dt=5e-4, rng=rng).network,
    "force": lambda rng: with_readout(Leaky.random(1, 20, nonlinearity="tanh", rng=rng), 1, rng=rng),
    "conceptors": loaded,
    "follow": following,
    "follow, rates": lambda rng: following(rng).rate_model(),
    "hopfield": lambda rng: Hopfield.stored(patterns(rng)),
    "hopfield, dense": lambda rng: DenseMemory.stored(patterns(rng), degree=4),
    "sorn": lambda rng: SORN.random(2, 20, n_synapses=4.0, units_per_input=4, rng=rng),
    "balanced": balanced,
    "balanced, rates": lambda rng: MatchedRates.of(balanced(rng)),
    "oculomotor": lambda rng: TunedIntegrator.tuned(20, rng=rng),
    "predictive_coding": lambda rng: PredictiveCoding.random((6, 4, 2), rng=rng),
    "hard_images": lambda rng: Convolutional.random(4, (2, 3), 2, lateral=True, top_down=True, rng=rng),
}


@cache
def drawn(name: str) -> System:
    return CLASSICS[name](np.random.default_rng(0))


@pytest.fixture(params=CLASSICS)
def system(request) -> System:
    return drawn(request.param)


def dt_of(system) -> float:
    return float(getattr(getattr(system, "cell", system), "dt", None) or 0.01)


def test_its_dynamics_can_be_analysed(system):
    """Fixed points, Lyapunov exponents and linearisations ask for no more than these, in float64."""
    assert isinstance(system, System)
    inputs = np.random.default_rng(1).random((6, system.n_inputs), dtype=np.float32)
    states = run(system, inputs)
    rule = as_rule(system, states.shape[-1])
    states, now = np.asarray(states[:-1], dtype=float), inputs[1:]
    after, slopes = rule.step(states, now), rule.jacobians(states, now)
    np.testing.assert_allclose(after, run(system, inputs)[1:], rtol=1e-3, atol=1e-4)  # as in float32
    assert np.isfinite(slopes).all()
    if not isinstance(system, LIFNetwork | FollowNetwork | SORN | Hopfield | DenseMemory):  # which spike, or jump
        nudge = 1e-6 * np.random.default_rng(3).standard_normal(states.shape)
        moved = (rule.step(states + nudge, now) - rule.step(states - nudge, now)) / 2
        np.testing.assert_allclose(moved, np.einsum("pij,pj->pi", slopes, nudge), rtol=1e-4, atol=1e-11)
    assert rule.step(states[:0], now[:0]).shape == (0, states.shape[1])


def test_its_units_can_be_asked_for_the_benefit_of_recurrence(system):
    rng, (n_trials, n_steps) = np.random.default_rng(2), (20, 40)
    over = {"inputs": "input", "targets": "output"}
    sizes = {"inputs": system.n_inputs, "targets": system.n_outputs}
    values = {"inputs": rng.random, "targets": np.zeros}
    trials = xr.Dataset(
        {
            **{k: (("trial", "time", over[k]), values[k]((n_trials, n_steps, sizes[k])).astype("f4")) for k in over},
            "mask": (("trial", "time"), np.ones((n_trials, n_steps), "f4")),
            "duration": ("trial", np.full(n_trials, n_steps * dt_of(system)), {"units": "s"}),
        },
        coords={"time": np.arange(n_steps) * dt_of(system), **{over[k]: np.arange(sizes[k]) for k in over}},
        attrs={"dt": dt_of(system), "loss": "squared", "task": "noise"},
    )
    recording = simulate(system, trials, peak_rate=0.3 / dt_of(system), rng=rng)
    fires = np.flatnonzero(recording["activity"].sum("time").values > 10)
    assert fires.size > 1
    recording = recording.isel(unit=fires[:4])
    design = design_matrix(recording, default_terms(recording).terms)
    found = recurrence_benefit(
        recording, design, steps=["coupled"], n_folds=2, penalties=(100.0, 10.0), seed=0, n_jobs=1, progress=False
    )
    assert np.isfinite(found["benefit"]).all()
    assert found["converged"].all()
