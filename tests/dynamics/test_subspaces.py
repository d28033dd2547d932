"""Subspaces against planted truths, other implementations, and what must not matter."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from neurorec.dynamics import subspaces as sub
from neurorec.dynamics.subspaces.dimensionality import _unbiased
from neurorec.io import read_nwb
from neurorec.recording import InputError, SelectionError

STEINMETZ = Path(__file__).parents[3] / "shared" / "data" / "steinmetz2019" / "session01.nwb"


def rotation(size: int, seed: int = 0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0]


# principal components


def test_components_are_those_of_scikit_learn_and_turn_with_the_units():
    activity = np.random.default_rng(0).standard_normal((3, 20, 7)) @ np.random.default_rng(1).standard_normal((7, 7))
    activity[1, 4, 2] = np.nan
    found = sub.principal_components(activity, n_components=4)
    flat = activity.reshape(-1, 7)
    known = np.isfinite(flat).all(axis=1)
    reference = PCA(4, svd_solver="full").fit(flat[known])
    np.testing.assert_allclose(np.abs(found.components), np.abs(np.asarray(reference.components_)), atol=1e-10)
    np.testing.assert_allclose(found.share, reference.explained_variance_ratio_)
    np.testing.assert_allclose(found.scores.reshape(-1, 4)[known].var(axis=0, ddof=1), found.variance)
    assert np.isnan(found.scores[1, 4]).all()
    turned = sub.principal_components(activity @ rotation(7), n_components=4)
    np.testing.assert_allclose(turned.share, found.share)
    np.testing.assert_allclose(np.abs(turned.scores), np.abs(found.scores), atol=1e-10)
    np.testing.assert_allclose(sub.project(activity, found), found.scores)
    order = [3, 1, 0, 2, 6, 5, 4]
    mixed = sub.principal_components(activity[..., order], n_components=4)
    np.testing.assert_allclose(mixed.components, found.components[:, order], atol=1e-10)


def test_soft_normalisation_divides_by_range_and_more():
    activity = np.random.default_rng(0).standard_normal((2, 9, 3)) * [1.0, 10.0, 100.0]
    found = sub.principal_components(activity, soft=5.0)
    np.testing.assert_allclose(found.scale, np.ptp(activity, axis=(0, 1)) + 5)
    reference = PCA(3).fit((activity / found.scale).reshape(-1, 3))
    np.testing.assert_allclose(found.share, reference.explained_variance_ratio_)


def test_variance_by_condition_and_time_adds_up():
    activity = np.random.default_rng(0).standard_normal((3, 8, 5))
    found = sub.principal_components(activity)
    for axis in (0, 1):
        np.testing.assert_allclose(sub.variance_by(activity, found, axis=axis).sum(axis=1), 1)
    squares = ((activity - found.mean) ** 2).sum(axis=(1, 2))
    weighted = sub.variance_by(activity, found, axis=0) * (squares / squares.sum())[:, None]
    np.testing.assert_allclose(weighted.sum(axis=0), found.share)


def planted_trials(n_units=20, noise=2.0, seed=0):
    """Two conditions, 40 trials each, that move in two directions."""
    rng = np.random.default_rng(seed)
    axes = rotation(n_units, seed)[:2]
    time = np.linspace(0, 1, 15)
    truth = np.stack([np.outer(np.sin(3 * time), 6 * axes[0]) + s * np.outer(time, 4 * axes[1]) for s in (-1, 1)])
    label = np.repeat([0, 1], 40)
    return truth[label] + noise * rng.standard_normal((80, 15, n_units)), label, truth


def test_held_out_signal_is_that_of_the_truth_and_noise_components_hold_none():
    trials, label, truth = planted_trials()
    held = sub.held_out_variance(trials, label, n_components=6, rng=np.random.default_rng(1))
    exact = sub.principal_components(truth)
    # components found under noise stray a little; none of it goes to the noise beyond the second
    np.testing.assert_allclose(held.signal[:2], exact.variance[:2], rtol=0.1)
    assert np.abs(held.signal[2:]).max() < 0.02 * exact.variance[0]
    assert held.signal_share[1] > 0.95 > held.share[1]
    naive = sub.principal_components(np.stack([trials[label == k].mean(axis=0) for k in (0, 1)]), n_components=6)
    assert naive.variance[2] > 5 * abs(held.signal[2])
    with pytest.raises(InputError, match=r"5 trials or more in every condition.* 2 in b"):
        sub.held_out_variance(trials[:10], ["a"] * 8 + ["b"] * 2, n_components=2, rng=np.random.default_rng(1))


def test_other_units_are_turned_onto_the_components_and_the_same_ones_projected(recording):
    rng = np.random.default_rng(0)
    target = rng.standard_normal((3, 10, 4))
    found = sub.align_scores(target, 2.5 * target @ rotation(4) + 3)
    np.testing.assert_allclose(found.scores, target, atol=1e-10)
    assert abs(found.scale - 0.4) < 1e-12
    assert abs(found.share - 1) < 1e-12
    noise = sub.align_scores(target, rng.standard_normal(target.shape))
    assert 0 <= noise.share < 0.2
    residual = ((target - noise.scores) ** 2).sum() / ((target - target.mean(axis=(0, 1))) ** 2).sum()
    assert abs(1 - residual - noise.share) < 1e-12
    averages = sub.condition_averages(recording, "size", window=(0, 0.2))
    subspace = sub.principal_subspace(averages, n_components=2)
    again = sub.in_components(averages.isel(unit=[2, 0, 1]), subspace)
    np.testing.assert_allclose(again["scores"].values, subspace["scores"].values)
    assert again["size"].values.tolist() == [1.0, 2.0]
    with pytest.raises(SelectionError, match="the units of the components, found no 2"):
        sub.in_components(averages.isel(unit=[0, 1]), subspace)


# demixed components


def planted_factors(noise=0.0, n_trials=1, seed=0):
    """A part in time, one of the stimulus, one of the choice and one of both, in oblique directions of 12 units."""
    rng = np.random.default_rng(seed)
    axes = rng.standard_normal((4, 12))
    time = np.linspace(0, 1, 10)
    stimulus, choice = (np.array(x) for x in zip(*[(s, c) for s in (-1, 0, 1) for c in (-1, 1)], strict=True))
    stimulus, choice = np.repeat(stimulus, n_trials), np.repeat(choice, n_trials)
    waves = [
        np.tile(np.cos(4 * time), (stimulus.size, 1)),
        stimulus[:, None] * np.sin(3 * time),
        choice[:, None] * time,
        (stimulus * choice)[:, None] * time**2,
    ]
    activity = sum(np.multiply.outer(wave, axis) for wave, axis in zip(waves, axes, strict=True))
    activity = activity + noise * rng.standard_normal(activity.shape)
    return activity, {"stimulus": stimulus, "choice": choice}, axes, waves


def test_parts_are_orthogonal_add_up_and_are_those_planted():
    activity, factors, axes, waves = planted_factors()
    parts = sub.marginalise(activity, factors)
    assert list(parts) == ["time", "stimulus", "choice", "stimulus x choice"]
    np.testing.assert_allclose(sum(parts.values()), activity - activity.mean(axis=(0, 1)), atol=1e-12)
    flat = np.array([part.ravel() for part in parts.values()])
    gram = flat @ flat.T
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-9)
    for part, wave, axis in zip(parts.values(), waves, axes, strict=True):
        planted = np.multiply.outer(wave - (wave.mean() if wave is waves[0] else 0), axis)
        np.testing.assert_allclose(part, planted, atol=1e-12)


def test_planted_oblique_parts_are_demixed():
    activity, factors, axes, waves = planted_factors()
    found = sub.demixed_components(activity, factors, penalty=0.0)
    assert sorted(found.part) == ["choice", "stimulus", "stimulus x choice", "time"]  # one of each: no more variance
    for k, part in enumerate(found.part):
        which = ["time", "stimulus", "choice", "stimulus x choice"].index(part)
        axis = axes[which] / np.linalg.norm(axes[which])
        assert abs(abs(found.encoder[k] @ axis) - 1) < 1e-9
        # its scores are the planted time course, free of the three others
        wave = waves[which] - waves[which].mean()
        assert abs(np.corrcoef(found.scores[..., k].ravel(), wave.ravel())[0, 1]) > 1 - 1e-9
        off = np.delete(found.share[k], which)
        np.testing.assert_allclose(off, 0, atol=1e-9)
    np.testing.assert_allclose(found.share.sum(axis=0), found.share_of_part, atol=1e-9)
    # principal components mix them
    mixed = sub.principal_components(activity, n_components=4).scores[..., 0]
    assert max(abs(np.corrcoef(mixed.ravel(), (w - w.mean()).ravel())[0, 1]) for w in waves) < 0.98


def test_with_one_part_they_are_principal_components():
    activity = np.random.default_rng(0).standard_normal((1, 30, 6))
    found = sub.demixed_components(activity, {}, n_components=3, penalty=0.0)
    reference = sub.principal_components(activity, n_components=3)
    np.testing.assert_allclose(found.decoder, reference.components, atol=1e-9)
    np.testing.assert_allclose(found.encoder, reference.components, atol=1e-9)
    np.testing.assert_allclose(found.share[:, 0], reference.share)


def test_regression_of_reduced_rank_in_another_way():
    """Full regression by least squares on rows that hold the penalty, then its best low-rank prediction by SVD."""
    activity, factors, *_ = planted_factors(noise=0.5)
    penalty = 0.01
    found = sub.demixed_components(activity, factors, n_components=2, penalty=penalty)
    x = (activity - activity.mean(axis=(0, 1))).reshape(-1, 12)
    part = sub.marginalise(activity, factors)["choice"].reshape(-1, 12)
    more = np.vstack([x, np.sqrt(penalty * (x**2).sum()) * np.eye(12)])
    target = np.vstack([part, np.zeros((12, 12))])
    full = LinearRegression(fit_intercept=False).fit(more, target).coef_.T
    _u, _s, vt = np.linalg.svd(more @ full, full_matrices=False)
    best = full @ vt[:2].T @ vt[:2]
    of = found.part == "choice"
    np.testing.assert_allclose(found.decoder[of].T @ found.encoder[of], best, atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)), st.permutations(range(6)))
def test_order_of_units_and_conditions_does_not_matter(units, conditions):
    activity, factors, *_ = planted_factors(noise=0.3)
    one = sub.demixed_components(activity, factors)
    moved = {name: levels[conditions] for name, levels in factors.items()}
    two = sub.demixed_components(activity[conditions][..., units], moved)
    np.testing.assert_array_equal(one.part, two.part)
    np.testing.assert_allclose(one.decoder[:, units], two.decoder, atol=1e-7)
    np.testing.assert_allclose(one.scores[conditions], two.scores, atol=1e-6)


def test_missing_and_repeated_conditions_are_named():
    activity, factors, *_ = planted_factors()
    less = {name: levels[1:] for name, levels in factors.items()}
    with pytest.raises(InputError, match="each combination of stimulus and choice once, found none of -1 and -1"):
        sub.demixed_components(activity[1:], less)
    twice = {name: np.append(levels, levels[-1]) for name, levels in factors.items()}
    with pytest.raises(InputError, match="found several of 1 and 1"):
        sub.demixed_components(np.concatenate([activity, activity[-1:]]), twice)
    with pytest.raises(InputError, match="one or two beside time"):
        sub.demixed_components(activity, factors | {"third": factors["choice"]})
    gap = activity.copy()
    gap[2] = np.nan
    with pytest.raises(InputError, match="nothing at all in conditions 2"):
        sub.demixed_components(gap, factors)
    short = activity.copy()
    short[2, 7:] = np.nan
    part = sub.demixed_components(short, factors)
    np.testing.assert_allclose(part.decoder, sub.demixed_components(activity[:, :7], factors).decoder)
    assert np.isnan(part.scores[2, 7:]).all()


def test_the_penalty_that_is_chosen_is_better_on_new_trials():
    rng = np.random.default_rng(5)
    trials, factors, *_ = planted_factors(noise=4.0, n_trials=8)
    found = sub.choose_demixing_penalty(trials, factors, n_components=1, rng=rng)
    assert found.inside
    assert found.error[0] > found.error.min() < found.error[-1]
    truth, levels, *_ = planted_factors()
    parts = {name: part.reshape(-1, 12) for name, part in sub.marginalise(truth, levels).items()}
    averages = trials.reshape(6, 8, 10, 12).mean(axis=1)
    new = [(truth + 4 / np.sqrt(2) * rng.standard_normal(truth.shape)).reshape(-1, 12) for _ in range(20)]
    errors = []
    for penalty in (found.penalties[0], found.penalty):
        fit = sub.demixed_components(averages, levels, n_components=1, penalty=penalty)
        maps = {p: np.outer(d, e) for p, d, e in zip(fit.part, fit.decoder, fit.encoder, strict=True)}
        errors.append(sum(((parts[p] - (x - fit.mean) @ both) ** 2).sum() for x in new for p, both in maps.items()))
    assert errors[1] < 0.9 * errors[0]


def test_parts_that_are_there_are_told_from_those_that_are_not():
    rng = np.random.default_rng(0)
    trials, factors, axes, waves = planted_factors(noise=1.0, n_trials=8)
    found = sub.compare_parts(trials, factors, n_shuffles=99, rng=rng)
    assert found.parts.tolist() == ["time", "stimulus", "choice", "stimulus x choice"]
    np.testing.assert_allclose(found.p[1:], 0.01)
    np.testing.assert_allclose(found.share.sum(), 1)
    # a strong stimulus alone: neither choice nor both together
    alone = 3 * np.multiply.outer(waves[1], axes[1]) + rng.standard_normal(trials.shape)
    p = sub.compare_parts(alone, factors, n_shuffles=99, rng=rng).p
    assert p[1] == 0.01
    assert (p[2:] > 0.02).all()


def test_p_values_of_parts_that_are_not_there_are_uniform():
    rng = np.random.default_rng(1)
    _, factors, axes, waves = planted_factors(n_trials=4)
    signal = 2 * np.multiply.outer(waves[1], axes[1])[:, :4]
    p = []
    for _ in range(40):
        trials = signal + rng.standard_normal(signal.shape)
        p.append(sub.compare_parts(trials, factors, n_shuffles=39, rng=rng).p[2:])
    p = np.array(p)
    assert (np.abs(p.mean(axis=0) - 0.5) < 0.15).all()  # 3 standard errors of a uniform's mean
    assert ((p <= 0.1).mean(axis=0) < 0.25).all()


# targeted axes


def test_planted_axes_are_found_in_their_order_and_at_their_time():
    rng = np.random.default_rng(0)
    n, time = 200, np.linspace(0, 1, 12)
    motion, choice = rng.uniform(-1, 1, n), rng.choice([-1.0, 1.0], n)
    one, two = rotation(15)[:2]
    oblique = (one + two) / np.sqrt(2)
    bump = np.exp(-((time - time[4]) ** 2) / 0.02)
    trials = np.multiply.outer(np.outer(motion, bump), one) * 6 + np.multiply.outer(np.outer(choice, time), oblique) * 6
    trials = trials + 0.2 * rng.standard_normal(trials.shape)
    label = np.char.add((motion > 0).astype(int).astype(str), (choice > 0).astype(int).astype(str))
    found = sub.targeted_axes(trials, {"motion": motion, "choice": choice}, label, n_components=4)
    assert found.peak.tolist() == [4, 11]

    def unit(axis):
        return axis / np.linalg.norm(axis)

    first, second = unit(one / found.scale), unit(oblique / found.scale)  # of standardised units
    assert found.axes[0] @ first > 0.99
    assert unit(found.raw[1]) @ second > 0.99
    assert found.axes[1] @ unit(second - (second @ first) * first) > 0.97
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-12)
    swapped = sub.targeted_axes(trials, {"choice": choice, "motion": motion}, label, n_components=4)
    assert swapped.axes[0] @ second > 0.99
    ends = found.scores[:, -1, 1]
    assert ends[[1, 3]].min() > 1 > -1 > ends[[0, 2]].max()


def test_coefficients_are_least_squares_over_the_trials_that_last():
    rng = np.random.default_rng(0)
    trials, a, b = rng.standard_normal((30, 5, 4)), rng.standard_normal(30), rng.standard_normal(30)
    trials[20:, 3:] = np.nan
    found = sub.targeted_axes(trials, {"a": a, "b": b}, np.arange(30) % 3)
    assert np.isfinite(found.coefficients).all()
    for t, rows in ((0, slice(None)), (4, slice(20))):
        standard = (trials[rows, t] - found.mean) / found.scale
        reference = LinearRegression().fit(np.column_stack([a, b])[rows], standard)
        np.testing.assert_allclose(found.coefficients[:, t], reference.coef_.T, atol=1e-10)


def test_variables_that_cannot_be_told_apart_are_refused():
    trials, a = np.random.default_rng(0).standard_normal((10, 5, 4)), np.arange(10.0)
    for variables, said in (
        ({"a": a, "b": 2 * a + 1}, "none that others tell"),
        ({"a": a, "b": 0 * a}, "b: expected a variable that varies"),
        ({"a": np.where(a > 8, np.nan, a)}, "a number for each of 10 trials"),
        ({}, "one or more"),
    ):
        with pytest.raises(InputError, match=said):
            sub.targeted_axes(trials, variables, np.arange(10) % 2)


# rotations


@pytest.mark.parametrize("dt", [0.01, 0.05])
def test_planted_rotations_are_recovered_exactly(dt):
    """Two planes at 3 and 1.2 turns a second about a common course, in 10 units."""
    rng = np.random.default_rng(0)
    time, phase = np.arange(25) * dt, rng.uniform(0, 2 * np.pi, (2, 6))
    parts = []
    for k, (hz, size) in enumerate(((3.0, 2.0), (1.2, 3.0))):
        angle = 2 * np.pi * hz * time + phase[k][:, None]
        parts += [size * np.cos(angle), size * np.sin(angle)]
    axes = rotation(10)[:4]
    turning = np.stack(parts, axis=-1)
    turning = turning - turning.mean(axis=0)  # each condition's start less their mean still rotates
    activity = turning @ axes + 5 * np.sin(time)[:, None] * rng.standard_normal(10)
    found = sub.rotational_dynamics(activity, dt=dt, n_components=4)
    np.testing.assert_allclose(found.frequency, [3.0, 1.2], rtol=1e-9)
    assert abs(found.r2_skew - 1) < 1e-12
    np.testing.assert_allclose(found.skew, -found.skew.T, atol=1e-9)
    for k in range(2):  # each plane is the planted one
        np.testing.assert_allclose(np.linalg.svd(found.axes[k] @ axes[2 * k : 2 * k + 2].T)[1], 1, atol=1e-9)
        x, y = np.moveaxis(found.scores[:, :, k], -1, 0)
        turned = np.unwrap(np.arctan2(y, x), axis=1)
        np.testing.assert_allclose(np.diff(turned, axis=1), 2 * np.pi * found.frequency[k] * dt, rtol=1e-6)
    np.testing.assert_allclose(found.axes.reshape(4, 10) @ found.axes.reshape(4, 10).T, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(found.share.sum(), 1)
    other = sub.rotational_dynamics(activity @ rotation(10, 3), dt=dt, n_components=4)
    np.testing.assert_allclose(other.frequency, found.frequency)


def test_skew_symmetric_fit_is_least_squares_over_its_free_entries():
    rng = np.random.default_rng(0)
    activity = np.cumsum(rng.standard_normal((5, 12, 4)), axis=1)
    found = sub.rotational_dynamics(activity, dt=1.0, n_components=4)
    scores = sub.principal_components(activity - activity.mean(axis=0)).scores
    change = np.diff(scores, axis=1).reshape(-1, 4)
    middle = ((scores[:, 1:] + scores[:, :-1]) / 2).reshape(-1, 4)
    columns = []
    for i in range(4):
        for j in range(i):
            one = np.zeros((4, 4))
            one[i, j], one[j, i] = 1, -1
            columns.append((middle @ one.T).ravel())
    weights, left, *_ = np.linalg.lstsq(np.array(columns).T, change.ravel(), rcond=None)
    np.testing.assert_allclose(found.r2_skew, 1 - left[0] / (change**2).sum())
    assert found.r2_skew < found.r2_free < 1
    assert abs(abs(found.skew[1, 0]) - abs(weights[0])) < 1e-9


def test_growth_is_no_rotation_and_smooth_noise_is_none_either():
    time = np.linspace(0, 1, 20)
    size = np.random.default_rng(0).standard_normal((8, 1, 6))
    growth = size * np.exp(time)[None, :, None]
    found = sub.rotational_dynamics(growth, dt=0.05, n_components=2, subtract_mean=False)
    assert found.r2_skew < 1e-9
    assert found.r2_free > 0.99
    rng = np.random.default_rng(1)
    kernel = np.exp(-0.5 * ((np.arange(20)[:, None] - np.arange(20)) / 4.0) ** 2)
    root = np.linalg.cholesky(kernel + 1e-6 * np.eye(20))
    p = []
    for _ in range(12):
        smooth = np.einsum("ts,csn->ctn", root, rng.standard_normal((8, 20, 6)))
        p.append(sub.rotational_dynamics(smooth, dt=0.05, n_components=4, n_shuffles=19, rng=rng).p)
    assert 0.2 < np.mean(p) < 0.8
    angle = 8 * time + rng.uniform(0, 6, 8)[:, None]
    turning = np.stack([np.cos(angle), np.sin(angle)], axis=-1) @ rng.standard_normal((2, 6))
    turning = turning + 0.05 * rng.standard_normal(turning.shape)
    assert sub.rotational_dynamics(turning, dt=0.05, n_components=2, n_shuffles=19, rng=rng).p == 0.05


def test_gaps_are_not_stepped_across():
    angle = np.arange(20) * 0.3 + np.array([0.0, 2.0, 4.0])[:, None]
    turning = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    turning[1, 8] = np.nan
    found = sub.rotational_dynamics(turning, dt=0.1, n_components=2)
    np.testing.assert_allclose(found.frequency, 3 / (2 * np.pi))
    assert np.isnan(found.scores[:, 8]).all()
    with pytest.raises(InputError, match="an even number"):
        sub.rotational_dynamics(turning, dt=0.1, n_components=3)


# dimensionality


def test_unbiased_sums_are_those_over_different_samples():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 6, 3)) + 1
    z = (x + y) / 2
    found = _unbiased(x - x.mean(axis=0), y - x.mean(axis=0))
    shift = x.mean(axis=0)
    x, y, z = x - shift, y - shift, z - shift
    square, trace = [], []
    for i, j, k, m in permutations(range(6), 4):
        last = (z[i] @ z[j]) * (z[k] @ z[m])
        square.append((x[i] @ x[j]) * (y[i] @ y[j]) - 2 * (x[i] @ z[j]) * (y[i] @ z[k]) + last)
        trace.append((x[i] @ y[i]) * (x[j] @ y[j]) - 2 * (x[i] @ y[i]) * (z[j] @ z[k]) + last)
    np.testing.assert_allclose(found, [np.mean(trace), np.mean(square)])


@pytest.mark.parametrize("n_samples", [12, 60])  # fewer and more than units
def test_planted_spectra_are_met_on_average_whatever_the_distribution(n_samples):
    rng = np.random.default_rng(0)
    spectrum = 1.0 / np.arange(1, 31)
    truth = spectrum.sum() ** 2 / (spectrum**2).sum()
    sums = []
    for _ in range(300):
        x = rng.exponential(size=(n_samples, 30)) * np.sqrt(spectrum) @ rotation(30)
        sums.append(_unbiased(x, x))
    trace, square = np.mean(sums, axis=0)
    error = np.std(sums, axis=0) / np.sqrt(300)
    assert abs(trace - spectrum.sum() ** 2) < 4 * error[0]
    assert abs(square - (spectrum**2).sum()) < 4 * error[1]
    assert abs(trace / square - truth) < 0.15 * truth


def test_all_samples_are_exact_and_noise_drops_out_with_a_repeat():
    rng = np.random.default_rng(0)
    spectrum = np.array([4.0, 2.0, 1.0, 1.0])
    scores = rotation(40)[:, :4] - rotation(40)[:, :4].mean(axis=0)
    scores = np.linalg.qr(scores)[0] * np.sqrt(spectrum)  # of this very covariance
    truth = 64 / 22
    activity = scores @ rotation(25)[:4]
    exact = sub.participation_ratio(activity, samples="all")
    assert abs(exact.ratio - truth) < 1e-9
    assert exact.ratio == exact.naive
    a, b = (activity + 0.1 * rng.standard_normal(activity.shape) for _ in range(2))
    found = sub.participation_ratio(a, repeat=b, samples="all")
    assert abs(found.ratio - truth) < 0.3
    assert found.naive > truth + 0.6
    for other in (rotation(25, 4), np.eye(25)[rng.permutation(25)]):
        turned = sub.participation_ratio(a @ other, repeat=b @ other)
        np.testing.assert_allclose(turned.ratio, sub.participation_ratio(a, repeat=b).ratio)


def test_intervals_cover_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    spectrum = 1.0 / np.arange(1, 21)
    truth = spectrum.sum() ** 2 / (spectrum**2).sum()
    hits = []
    for _ in range(80):
        x = rng.standard_normal((60, 20)) * np.sqrt(spectrum)
        found = sub.participation_ratio(x, n_draws=60, level=0.9, rng=rng)
        hits.append(found.low < truth < found.high)
    assert 0.78 < np.mean(hits) <= 1
    few = sub.participation_ratio(x, groups=np.arange(60) // 6, rng=rng)
    assert np.isnan(few.low)
    with pytest.raises(InputError, match="four samples or more"):
        sub.participation_ratio(x[:3])


# tangling


def test_tangling_is_that_of_its_formula_and_not_of_the_axes():
    rng = np.random.default_rng(0)
    activity = np.cumsum(rng.standard_normal((2, 9, 3)), axis=1)
    activity[1, 8] = np.nan
    found = sub.trajectory_tangling(activity, dt=0.1, n_components=None)
    velocity = np.gradient(activity, 0.1, axis=1)
    points = [(c, t) for c in range(2) for t in range(9) if np.isfinite(velocity[c, t]).all() and (c, t) != (1, 8)]
    x, v = (np.array([values[p] for p in points]) for values in (activity, velocity))
    epsilon = 0.1 * ((x - x.mean(axis=0)) ** 2).sum(axis=1).mean()
    for i, point in enumerate(points):
        expected = max(((v[i] - v[j]) ** 2).sum() / (((x[i] - x[j]) ** 2).sum() + epsilon) for j in range(len(x)))
        assert abs(found[point] - expected) < 1e-9 * expected
    assert np.isnan(found[1, 7:]).all()
    turned = sub.trajectory_tangling(activity @ rotation(3), dt=0.1, n_components=3)
    np.testing.assert_allclose(turned, found)
    np.testing.assert_allclose(sub.trajectory_tangling(7 * activity, dt=0.2, n_components=None), found / 4)


def test_a_flow_is_not_tangled_and_a_crossing_is():
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[None]
    eight = np.stack([np.sin(angle), np.sin(2 * angle)], axis=-1)[None]
    dt = angle[1]
    # of a circle, velocities differ just as much as states do
    assert sub.trajectory_tangling(circle, dt=dt).max() < 1
    assert sub.trajectory_tangling(eight, dt=dt).max() > 20


# with labels


@pytest.fixture
def trials() -> xr.Dataset:
    values, factors, *_ = planted_factors(noise=1.0, n_trials=6)
    condition = [f"{a}, {b}" for a, b in zip(*factors.values(), strict=True)]
    return xr.Dataset(
        {"activity": (("trial", "time", "unit"), values, {"units": "a.u."})},
        coords={
            "time": np.arange(10) * 0.05, "unit": np.arange(12), "area": ("unit", ["V1"] * 12),
            "condition": ("trial", condition), **{name: ("trial", levels) for name, levels in factors.items()},
        },
        attrs={"by": "stimulus, choice", "bin_width": 0.05},
    )  # fmt: skip


def test_labelled_results_hold_what_the_arrays_do(trials):
    rng = np.random.default_rng(0)
    averages = sub.average_trials(trials)
    values = averages["activity"].values
    assert averages["stimulus"].values.tolist() == [-1, -1, 0, 0, 1, 1]
    principal = sub.principal_subspace(averages, n_components=3, trials=trials, rng=rng)
    np.testing.assert_allclose(principal["scores"].values, sub.principal_components(values, n_components=3).scores)
    assert principal["held_out_signal"].values[-1] > 0.5
    demixed = sub.demixed_subspace(trials, n_components=1, n_shuffles=19, rng=rng)
    factors = {name: averages[name].values for name in ("stimulus", "choice")}
    same = sub.demixed_components(values, factors, n_components=1, penalty=demixed.attrs["penalty"])
    np.testing.assert_allclose(demixed["scores"].values, same.scores)
    assert demixed["of"].values.tolist() == same.part.tolist()
    np.testing.assert_allclose(demixed["p"].values[1:], 0.05)
    targeted = sub.targeted_subspace(trials)
    assert targeted["component"].values.tolist() == ["stimulus", "choice"]
    lowest = targeted["scores"].sel(component="choice").isel(time=-1).values.reshape(3, 2)
    assert (lowest[:, 1] > lowest[:, 0]).all()
    turning = sub.rotational_subspace(averages, n_components=2)
    assert turning["scores"].dims == ("condition", "time", "component")
    tangling = sub.tangling_by_condition(averages)
    np.testing.assert_allclose(tangling.values, sub.trajectory_tangling(values, dt=0.05))
    assert tangling["choice"].dims == ("condition",)
    for result in (principal, demixed, targeted, turning):
        assert result["stimulus"].dims == ("condition",)
        assert result["area"].dims == ("unit",)
        result.to_netcdf()  # can be saved
    dimension = sub.dimensionality_of_averages(trials, rng=rng)
    assert dimension.ratio < dimension.naive
    with pytest.raises(InputError, match="found averages"):
        sub.demixed_subspace(averages, rng=rng)


def test_a_trial_column_of_words_has_to_be_given_as_numbers(trials):
    words = trials.assign_coords(choice=("trial", np.where(trials["choice"] > 0, "right", "left")))
    with pytest.raises(InputError, match="words in choice"):
        sub.targeted_subspace(words)
    found = sub.targeted_subspace(words, {"choice": trials["choice"].values})
    assert found.sizes["variable"] == 1


@pytest.mark.skipif(not STEINMETZ.exists(), reason="the public session is not here")
def test_a_real_session_goes_all_the_way():
    with pytest.warns(UserWarning, match="no spikes"):
        recording = read_nwb(STEINMETZ, bin_width=0.02)
    trials = sub.trial_activity(recording, "feedback_type", window=(0, 0.4), areas=["VISp"])
    assert dict(trials.sizes) == {"trial": 214, "time": 20, "unit": 178}
    found = sub.demixed_subspace(trials, n_components=2, n_folds=3, rng=np.random.default_rng(0))
    assert found["share_of_part"].sel(part="time") > 0.5
    assert np.isfinite(found["scores"]).all()


def test_activity_that_never_varies_has_no_subspace():
    """And nothing is warned of, nor NaN without a word."""
    rng, side = np.random.default_rng(0), np.repeat(["left", "right"], 6)
    trials = xr.Dataset(
        {"activity": (("trial", "time", "unit"), np.full((12, 5, 4), 2.0))},
        coords={
            "condition": ("trial", side),
            "side": ("trial", side),
            "time": np.arange(5) * 0.1,
            "unit": np.arange(4),
        },
        attrs={"by": "side", "bin_width": 0.1},
    )
    with pytest.raises(InputError, match="activity that changes"):
        sub.principal_subspace(sub.average_trials(trials), n_components=2)
    with pytest.raises(InputError, match="some variance"):
        sub.compare_parts(trials["activity"].values, {"side": side}, n_shuffles=2, rng=rng)
    assert np.isnan(sub.principal_components(np.ones((6, 3))).share).all()


def test_parts_of_trials_with_bins_that_none_has():
    rng = np.random.default_rng(0)
    factors = {"side": np.tile(["l", "r"], 12), "choice": np.repeat(["a", "b"], 12)}
    trials = rng.standard_normal((24, 6, 3))
    whole = sub.compare_parts(trials, factors, n_shuffles=9, rng=np.random.default_rng(1))
    missing = np.concatenate([trials, np.full((24, 2, 3), np.nan)], axis=1)
    found = sub.compare_parts(missing, factors, n_shuffles=9, rng=np.random.default_rng(1))
    np.testing.assert_allclose(found.null, whole.null)
