"""Recursive least squares against the problem it solves, solved at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.recording import InputError
from neurorec.training import InverseCorrelation, InverseCorrelations, recursive_least_squares


@pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 60])  # about the updates that are kept as vectors
def test_it_is_the_ridge_solution_after_every_step(n_steps):
    rng = np.random.default_rng(0)
    sources, targets = rng.standard_normal((n_steps, 12)), rng.standard_normal((n_steps, 2))
    begin = rng.standard_normal((2, 12))
    found = recursive_least_squares(sources, targets, penalty=0.3, weights=begin)
    gram = sources.T @ sources + 0.3 * np.eye(12)
    direct = begin + np.linalg.solve(gram, sources.T @ (targets - sources @ begin.T)).T
    np.testing.assert_allclose(found.weights, direct, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.inverse, np.linalg.inv(gram), rtol=0, atol=1e-10)


def test_errors_are_those_before_the_step_and_changes_add_up():
    rng = np.random.default_rng(1)
    sources, targets = rng.standard_normal((30, 5)), rng.standard_normal((30, 1))
    found = recursive_least_squares(sources, targets)
    before = recursive_least_squares(sources[:-1], targets[:-1])
    np.testing.assert_allclose(found.errors[-1], before.weights @ sources[-1] - targets[-1], atol=1e-12)
    assert found.weight_change[-1] == pytest.approx(np.linalg.norm(found.weights - before.weights))
    np.testing.assert_array_equal(found.errors[0], -targets[0])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_units=st.integers(1, 6), n_sources=st.integers(1, 9), share=st.floats(0.2, 1.0))
def test_many_matrices_are_each_as_one_alone(seed, n_units, n_sources, share):
    rng = np.random.default_rng(seed)
    seen = rng.random((n_units, n_sources)) < share
    seen[0, 0] = True
    many = InverseCorrelations(seen, penalty=0.7)
    assert many.n_groups == len(np.unique(seen, axis=0))
    alone = [InverseCorrelation(max(row.sum(), 1), penalty=0.7) for row in seen]
    for _ in range(11):
        rates = rng.standard_normal(n_sources)
        gains = many.gains(rates)
        for unit, row in enumerate(seen):
            group = many.group[unit]
            mine = gains[many.first[group] : many.first[group + 1]]
            if row.any():
                np.testing.assert_allclose(mine, alone[unit].gain(rates[row]), atol=1e-10)
            else:
                assert mine.size == 0


def test_what_is_given_stays_as_it_is():
    sources, begin = np.ones((3, 2)), np.zeros((1, 2))
    recursive_least_squares(sources, np.ones((3, 1)), weights=begin)
    assert (begin == 0).all()
    assert (sources == 1).all()


@pytest.mark.parametrize(
    ("sources", "targets", "options", "said"),
    [
        (np.ones((3, 2)), np.ones((4, 1)), {}, "as long"),
        (np.ones((3, 2)), np.ones(3), {}, "as long"),
        (np.full((3, 2), np.nan), np.ones((3, 1)), {}, "finite"),
        (np.ones((3, 2)), np.ones((3, 1)), {"penalty": 0.0}, "above 0"),
        (np.ones((3, 2)), np.ones((3, 1)), {"weights": np.ones((2, 1))}, "transpose"),
    ],
)
def test_what_does_not_fit_is_refused(sources, targets, options, said):
    with pytest.raises(InputError, match=said):
        recursive_least_squares(sources, targets, **options)


def test_matrices_without_sources_are_refused():
    with pytest.raises(InputError, match="above 0"):
        InverseCorrelation(0)
    with pytest.raises(InputError, match="some of them seen"):
        InverseCorrelations(np.zeros((2, 2), dtype=bool))
