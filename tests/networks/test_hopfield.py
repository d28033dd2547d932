"""Associative memories: by hand, against a plain rewrite, and what they refuse."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.dynamics import find_fixed_points
from neurorec.networks import DenseMemory, Hopfield, recall, run
from neurorec.networks.memory_kernels import EXPONENTIAL, POLYNOMIAL, sweep_dense, sweep_overlaps
from neurorec.recording import InputError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def drawn(rng, n_patterns, n_units, wrong=0.2):
    """Patterns, and each with some of its units wrong."""
    patterns = rng.choice([-1.0, 1.0], (n_patterns, n_units))
    return patterns, np.where(rng.random(patterns.shape) < wrong, -patterns, patterns)


def plain_weights(memory):
    """In double precision."""
    patterns, dual = (np.asarray(v, dtype=float) for v in (memory.patterns, memory.dual))
    return dual.T @ patterns / memory.n_units - np.diag(np.asarray(memory.diagonal, dtype=float))


def plain_energy(memory, state):
    """From the papers, in double precision."""
    patterns, n = np.asarray(memory.patterns, dtype=float), memory.n_units
    if isinstance(memory, Hopfield):
        return -0.5 * state @ plain_weights(memory) @ state
    overlap = patterns @ state
    if memory.interaction == "polynomial":
        return -n / memory.degree * ((overlap / n) ** memory.degree).sum()
    inside = np.log(np.exp(memory.steepness * overlap).sum()) / memory.steepness
    return -inside + (0.5 * state @ state if memory.interaction == "softmax" else 0.0)


def plain_recall(memory, state, orders):
    """One unit after the other takes the sign of its field; in dense memories, the state of less energy."""
    path = [plain_energy(memory, state)]
    weights = plain_weights(memory) if isinstance(memory, Hopfield) else None
    for order in orders:
        for i in order:
            other = np.where(np.arange(len(state)) == i, -state, state)
            if weights is not None:
                turns = state[i] * (weights[i] @ state) < -1e-6
            else:
                turns = plain_energy(memory, other) < plain_energy(memory, state) - 1e-9
            state = other if turns else state
        path.append(plain_energy(memory, state))
    return state, path


def test_two_patterns_by_hand():
    memory = Hopfield.stored([[1, 1, -1, -1], [1, -1, 1, -1]])
    by_hand = np.array([[0, 0, 0, -2], [0, 0, -2, 0], [0, -2, 0, 0], [-2, 0, 0, 0]]) / 4
    np.testing.assert_allclose(memory.weights(), by_hand, atol=1e-7)
    states = jnp.asarray([[1.0, 1, -1, -1], [1, 1, 1, -1], [1, 1, 1, 1]])
    np.testing.assert_allclose(memory.energy(states), [-1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(memory.energy(states, jnp.asarray([0.5, 0, 0, 0])), [-1.5, -0.5, 0.5], atol=1e-6)
    # all up: fields are -1/2, so all at once goes to and fro; one after the other finds an energy minimum
    together = replace(memory, update="synchronous")
    np.testing.assert_array_equal(run(together, np.zeros((2, 4)), state=states[2]), [[-1.0] * 4, [1.0] * 4])
    np.testing.assert_array_equal(memory.step(states[2], jnp.zeros(4)), [-1, -1, 1, 1])
    np.testing.assert_allclose(memory.readout(states[2]), [0, 0], atol=1e-7)


MEMORIES = {
    "hebbian": lambda x: Hopfield.stored(x),
    "with self-coupling": lambda x: Hopfield.stored(x, self_coupling=True),
    "pseudo-inverse": lambda x: Hopfield.stored(x, rule="pseudo_inverse"),
    "given weights": lambda x: Hopfield.from_weights(x.T @ x - len(x) * np.eye(x.shape[1])),
    "cubic": lambda x: DenseMemory.stored(x, degree=3),
    "quartic": lambda x: DenseMemory.stored(x, degree=4),
    "exponential": lambda x: DenseMemory.stored(x, interaction="exponential", steepness=0.6),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_one_unit_after_the_other_as_written_in_the_papers(name, rng):
    patterns, cues = drawn(rng, 6, 24)
    memory = MEMORIES[name](patterns)
    found = recall(memory, cues, rng=np.random.default_rng(5))
    same = np.random.default_rng(5)
    orders = [same.permutation(24) for _ in range(int(found.n_sweeps.max()) + 1)]
    for k, cue in enumerate(cues):
        state, path = plain_recall(memory, cue, orders)
        np.testing.assert_array_equal(found.state[k], state)
        seen = found.energy[k][np.isfinite(found.energy[k])]
        np.testing.assert_allclose(seen, path[: len(seen)], rtol=1e-5, atol=1e-6)
    assert found.converged.all()
    assert (found.period == 1).all()
    assert np.nanmax(np.diff(found.energy)) <= 1e-9
    assert found.n_sweeps.max() > 0  # or nothing was tested


@pytest.mark.parametrize("name", MEMORIES)
def test_steps_of_the_system_go_down_in_energy_and_agree_with_recall(name, rng):
    patterns, cues = drawn(rng, 6, 24)
    memory = MEMORIES[name](patterns)
    with jax.enable_x64(True):
        exact = jax.tree.map(lambda v: v.astype(np.float64), memory)
        states = np.asarray(run(exact, np.zeros((8, 6, 24)), state=cues))
        energy = np.asarray(exact.energy(np.concatenate([cues[None], states])))
        together = np.asarray(run(replace(exact, update="synchronous"), np.zeros((1, 6, 24)), state=cues))
    by_hand = [[plain_energy(memory, s) for s in states[t]] for t in (0, 7)]
    np.testing.assert_allclose(energy[[1, 8]], by_hand, rtol=1e-5, atol=1e-6)
    assert (np.diff(energy, axis=0) <= 1e-9).all()
    np.testing.assert_array_equal(states[-1], states[-2])
    settled = recall(memory, states[-1], rng=rng)
    np.testing.assert_array_equal(settled.state, states[-1])  # a minimum is one in any order
    once = recall(replace(memory, update="synchronous"), cues, max_sweeps=1, rng=rng)
    np.testing.assert_array_equal(once.state, together[0])


def test_a_field_outweighs_the_memory(rng):
    patterns, _ = drawn(rng, 3, 30)
    for memory in (Hopfield.stored(patterns), DenseMemory.stored(patterns, interaction="exponential", steepness=0.5)):
        after = memory.step(jnp.asarray(patterns[0]), jnp.asarray(10 * patterns[1]))
        np.testing.assert_array_equal(after, patterns[1])
        np.testing.assert_array_equal(memory.activity(after), after)


def test_degree_two_is_the_hopfield_network(rng):
    patterns, cues = drawn(rng, 12, 80, wrong=0.3)
    plain, dense = Hopfield.stored(patterns), DenseMemory.stored(patterns, degree=2)
    one, other = (recall(memory, cues, rng=np.random.default_rng(1)) for memory in (plain, dense))
    np.testing.assert_array_equal(one.state, other.state)
    np.testing.assert_allclose(one.energy - 12 / 2, other.energy, rtol=1e-9)


def test_renaming_units_or_mirroring_patterns_changes_nothing(rng):
    patterns, cues = drawn(rng, 8, 60, wrong=0.25)
    order, flip = rng.permutation(60), rng.choice([-1.0, 1.0], 60)
    for store in (Hopfield.stored, DenseMemory.stored):
        plain, gauge = store(patterns), store(patterns * flip)
        one = recall(plain, cues, rng=np.random.default_rng(2))
        mirrored = recall(gauge, cues * flip, rng=np.random.default_rng(2))
        np.testing.assert_array_equal(mirrored.state, one.state * flip)
        moved = recall(replace(store(patterns[:, order]), update="synchronous"), cues[:, order], rng=rng)
        still = recall(replace(plain, update="synchronous"), cues, rng=rng)
        np.testing.assert_array_equal(moved.state, still.state[:, order])


def test_the_pseudo_inverse_keeps_as_many_patterns_as_there_are_units_nearly(rng):
    patterns, _ = drawn(rng, 45, 50)
    for self_coupling in (False, True):
        memory = Hopfield.stored(patterns, rule="pseudo_inverse", self_coupling=self_coupling)
        found = recall(memory, patterns, rng=rng)
        np.testing.assert_array_equal(found.state, patterns)
        assert (found.n_sweeps == 0).all()
    weights = np.asarray(memory.weights(), dtype=float)
    np.testing.assert_allclose(weights @ weights, weights, atol=1e-4)  # a projection
    assert recall(Hopfield.stored(patterns), patterns, rng=rng).n_sweeps.min() > 0  # where Hebb holds none


def test_all_at_once_ends_in_points_and_pairs(rng):
    patterns, _ = drawn(rng, 10, 60)
    memory = Hopfield.stored(patterns, update="synchronous")
    found = recall(memory, rng.choice([-1.0, 1.0], (200, 60)), rng=rng)
    assert found.converged.all()
    assert set(found.period) == {1, 2}
    states = jnp.asarray(found.state)
    after = np.asarray(run(memory, np.zeros((2, 200, 60)), state=states))
    np.testing.assert_array_equal((after[0] == found.state).all(axis=1), found.period == 1)
    np.testing.assert_array_equal(after[1], found.state)
    short = recall(memory, rng.choice([-1.0, 1.0], (50, 60)), max_sweeps=1, rng=rng)
    assert not short.converged.all()
    assert (short.converged == (short.period > 0)).all()


def test_the_softmax_recalls_in_one_step_what_units_could_not_hold(rng):
    patterns, cues = drawn(rng, 3000, 64, wrong=0.1)
    memory = DenseMemory.stored(patterns, interaction="softmax", steepness=1.0)
    once = recall(memory, cues[:50], max_sweeps=1, rng=rng)
    assert (np.sign(once.state) == patterns[:50]).mean() > 0.97
    found = recall(memory, cues[:50], rng=rng)
    assert np.nanmax(np.diff(found.energy)) <= 1e-9
    assert found.converged.all()
    np.testing.assert_allclose(found.energy[:, 0], [plain_energy(memory, cue) for cue in cues[:50]])
    np.testing.assert_allclose(memory.energy(jnp.asarray(cues[:5])), found.energy[:5, 0], rtol=1e-5)


def test_graded_units_have_fixed_points_at_the_patterns(rng):
    patterns, cues = drawn(rng, 2, 40, wrong=0.1)
    memory = Hopfield.stored(patterns, update="synchronous", steepness=3.0)
    found = find_fixed_points(memory, 0.9 * cues)
    nearest = np.abs(np.sign(found.points) @ patterns.T / 40).max(axis=1)
    assert found.converged.any()
    assert (nearest[found.converged & (found.n_unstable == 0)] > 0.99).any()


def test_kernels_agree_with_their_python(rng):
    patterns, cues = drawn(rng, 5, 20)
    by_unit, order = np.ascontiguousarray(patterns.T), rng.permutation(20)
    inputs = (by_unit, by_unit, np.full(20, 5.0), order)
    for kernel, more in (
        (sweep_overlaps, inputs),
        *((sweep_dense, (by_unit, order, k, 3, 0.4)) for k in (POLYNOMIAL, EXPONENTIAL)),
    ):
        ways = []
        for way in (kernel, kernel.py_func):
            states, overlaps = cues.copy(), cues @ patterns.T
            ways.append((way(states, overlaps, *more), states, overlaps))
            np.testing.assert_allclose(overlaps, states @ patterns.T)
        for one, other in zip(*ways, strict=True):
            np.testing.assert_array_equal(one, other)
        assert ways[0][0].sum() > 0


def refusals():
    patterns = np.ones((1, 3))
    lopsided = np.array([[0.0, 1.0], [0.5, 0.0]])
    graded = Hopfield.stored(patterns, update="synchronous", steepness=2.0)
    rng = np.random.default_rng(0)
    return {
        "0 in 0": lambda: Hopfield.stored([[0, 1], [1, 1]]),
        "turns 0 and 1": lambda: DenseMemory.stored([[0.5, 1]]),
        "one or more": lambda: Hopfield.stored(np.ones(3)),
        "2 of rank 1": lambda: Hopfield.stored([[1, 1], [-1, -1]], rule="pseudo_inverse"),
        "hebbian or pseudo_inverse": lambda: Hopfield.stored(patterns, rule="delta"),
        "an energy": lambda: Hopfield.from_weights(lopsided),
        "have no energy": lambda: Hopfield.from_weights(lopsided, update="synchronous").energy(jnp.ones(2)),
        "diagonal of 0 or more": lambda: Hopfield.from_weights(-np.eye(2)),
        "finite, .unit, unit": lambda: Hopfield.from_weights(np.ones((2, 3))),
        "not all finite": lambda: Hopfield.from_weights([[np.nan]]),
        "asynchronous or synchronous": lambda: Hopfield.stored(patterns, update="parallel"),
        "steepness.*above 0": lambda: Hopfield.stored(patterns, update="synchronous", steepness=0),
        "one unit at a time, found graded": lambda: Hopfield.stored(patterns, steepness=2.0),
        "found graded units.*run": lambda: recall(graded, patterns, rng=rng),
        "units of two states, found 2": lambda: graded.energy(jnp.ones(3)),
        "softmax": lambda: DenseMemory.stored(patterns, interaction="cubic"),
        "whole degree": lambda: DenseMemory.stored(patterns, degree=1),
        "finite, .pattern, unit": lambda: DenseMemory.stored([[np.inf]], interaction="softmax"),
        "cue, unit. of 3": lambda: recall(Hopfield.stored(patterns), np.ones((1, 2)), rng=rng),
        "cues.*-1 or 1": lambda: recall(Hopfield.stored(patterns), np.zeros((1, 3)), rng=rng),
    }  # fmt: skip


@pytest.mark.parametrize("said", refusals())
def test_what_is_wrong_is_refused_with_a_reason(said):
    with pytest.raises(InputError, match=said):
        refusals()[said]()
