"""Networks trained on rates: the loop as the paper writes it, and the currents of a known network found again."""

import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.fitted import (
    ConstrainedSettings,
    area_currents,
    cut_stretches,
    decompose_currents,
    fit_constrained,
    fit_constrained_arrays,
)
from neurorec.fitted.constrained import targets_of
from neurorec.networks import System, run
from neurorec.recording import DataWarning, InputError

N, TRIALS, BINS = 12, 50, 30  # units an area


@pytest.fixture(scope="module")
def known():
    """Weights of three areas in a chain, and what they do from 50 random states, in bins of 10 ms."""
    rng = np.random.default_rng(0)
    J = rng.standard_normal((3 * N, 3 * N)) / np.sqrt(N)
    area = np.repeat(np.arange(3), N)
    J *= np.select([area[:, None] == area, np.abs(area[:, None] - area) == 1], [1.2, 0.7], 0.0)
    x, rates = 2 * rng.standard_normal((TRIALS, 3 * N)), []
    for _ in range(BINS):
        x = x + 0.1 * (np.tanh(x) @ J.T - x)
        rates.append(np.tanh(x))
    return J, np.stack(rates, axis=1).reshape(-1, 3 * N), np.array(["A", "B", "C"])[area]


@pytest.fixture(scope="module")
def fitted(known):
    """A network trained on them."""
    settings = ConstrainedSettings(tau=0.1, steps_per_bin=1, regularisation=0.1, max_passes=40, noise=0.0)
    starts = np.arange(TRIALS) * BINS
    options = {"bin_width": 0.01, "starts": starts, "settings": settings, "area": tuple(known[2])}
    return fit_constrained_arrays(known[1], rng=np.random.default_rng(1), **options)


def test_rates_of_a_known_network_are_followed_without_learning(known, fitted):
    assert fitted.best > 0.9
    target = np.clip(known[1], -0.99, 0.99)
    error = np.linalg.norm(fitted.rates - target)
    explained = 1 - (error / (np.sqrt(target.size) * target.std())) ** 2
    assert fitted.best == pytest.approx(explained)
    assert np.isfinite(fitted.explained).all()
    assert np.isfinite(fitted.explained_free).tolist() == [k % 5 == 4 for k in range(len(fitted.explained))]


def test_currents_between_areas_are_those_of_the_network(known, fitted):
    J, rates, area = known
    true, rng = decompose_currents(J, rates, area), np.random.default_rng(2)

    def agreement(labels):
        found = decompose_currents(fitted.recurrent, fitted.rates, labels)
        between = [
            np.corrcoef(true.current[s][:, i], found.current[s][:, i])[0, 1]
            for i in range(3 * N)
            for s in range(3)
            if abs(s - "ABC".index(area[i])) == 1
        ]
        return np.mean(between)

    shuffled = [agreement(rng.permutation(area)) for _ in range(5)]
    assert agreement(area) > 0.6
    assert agreement(area) > max(shuffled) + 0.2


def test_parts_of_the_current_add_up(known):
    J, rates, area = known
    found = decompose_currents(J, rates, area)
    np.testing.assert_allclose(found.current.sum(axis=0), rates @ J.T, atol=1e-12)
    expected = np.sqrt(np.square(rates[:, area == "C"] @ J[np.ix_(area == "B", area == "C")].T).mean())
    assert found.strength[1, 2] == pytest.approx(expected)
    assert found.strength[0, 2] == 0
    with pytest.raises(InputError, match="one area a unit"):
        decompose_currents(J, rates, area[1:])


def test_the_loop_is_the_paper_s():
    """Three passes over two stretches, written out with whole matrices."""
    z = 0.8 * np.sin(np.linspace(0, 6, 24)[:, None] + np.arange(5))
    settings = ConstrainedSettings(max_passes=3, noise=0.0, steps_per_bin=4)
    fit = fit_constrained_arrays(z, bin_width=0.02, starts=[0, 12], settings=settings, rng=np.random.default_rng(4))
    J = 1.5 / np.sqrt(5) * np.random.default_rng(4).standard_normal((5, 5))
    P, explained = np.eye(5), []
    for _ in range(3):
        seen = []
        for t in range(24):
            if t in (0, 12):
                x, r = np.arctanh(z[t]), z[t]
            else:
                for _ in range(4):
                    x = x + 0.5 * (-x + J @ r)
                    r = np.tanh(x)
                error = r - z[t]
                c = 1 / (1 + r @ P @ r)
                J = J - c * np.outer(error, P @ r)
                P = P - c * np.outer(P @ r, P @ r)
            seen.append(r)
        explained.append(1 - np.linalg.norm(z - np.array(seen)) ** 2 / (z.size * z.var()))
    np.testing.assert_allclose(fit.explained, explained, atol=1e-9)
    np.testing.assert_allclose(fit.recurrent, J, atol=1e-8)
    assert fit.status == "out of passes"
    assert not fit.converged


def test_as_a_system_it_does_what_it_did(known, fitted):
    system = fitted.system
    assert isinstance(system, System)
    assert system.cell.form == "current"
    assert system.cell.area == fitted.area
    first = np.arctanh(np.clip(known[1][::BINS], -0.99, 0.99))  # the targets' currents in the first bin of each trial
    quiet = np.zeros((BINS - 1, TRIALS, 3 * N))
    states = run(system, quiet, state=jnp.asarray(first))
    by_itself = np.swapaxes(np.asarray(system.activity(states)), 0, 1)
    own = fitted.rates.reshape(TRIALS, BINS, -1)[:, 1:]
    np.testing.assert_allclose(by_itself, own, atol=1e-3)


def test_a_recording_s_trials_begin_anew_and_keep_their_areas(recording):
    settings = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=2)
    fit = fit_constrained(recording, settings=settings, rng=np.random.default_rng(0))
    result = area_currents(fit, recording)
    assert result.sizes["time"] == recording.sizes["time"]
    assert result["source_area"].values.tolist() == ["PPC", "V1"]
    whole = result["rate"].values @ fit.recurrent.T
    np.testing.assert_allclose(result["current"].sum("source_area").values, whole, atol=1e-12)
    start = np.append(True, np.diff(recording["trial_id"].values) != 0)
    np.testing.assert_allclose(result["rate"].values[start], result["target"].values[start], atol=1e-12)
    with pytest.raises(InputError, match="the one it was fitted to"):
        area_currents(fit, recording.isel(unit=slice(3)))


def test_a_network_that_explains_nothing_by_itself_says_what_to_do(recording):
    settings = ConstrainedSettings(max_passes=5, gain=3.0)
    with pytest.warns(DataWarning, match=r"less than the mean rates .*tau is 0.01 s, bins are 0.02 s"):
        fit = fit_constrained(recording, smoothing=0.0, settings=settings, rng=np.random.default_rng(0))
    assert fit.best < 0


def test_smoothing_knows_no_other_trial_and_nothing_from_later_on(recording):
    cut = cut_stretches(recording)
    whole, scale = targets_of(cut, 2.0)
    alone, _ = targets_of(cut.of([3]), 2.0, scale)
    np.testing.assert_allclose(alone[0], whole[3])
    until = np.full(len(cut.n_bins), 10)
    early, _ = targets_of(cut, 2.0, scale, until=until)
    changed = cut._replace(activity=np.where(np.arange(cut.bins.shape[1])[:, None] >= 10, 9.0, cut.activity))
    np.testing.assert_array_equal(early, targets_of(changed, 2.0, scale, until=until)[0])
    level, _ = targets_of(cut._replace(activity=np.ones_like(cut.activity)), 2.0, np.ones(10))
    np.testing.assert_allclose(level[cut.inside], 0.99)  # no fall at the edges, and cut below 1


def test_targets_that_cannot_be_followed_are_refused():
    z, rng = np.random.default_rng(0).uniform(-1, 1, (10, 2)), np.random.default_rng(0)
    with pytest.raises(InputError, match="within -1 and 1"):
        fit_constrained_arrays(2 * z, bin_width=0.01, rng=rng)
    with pytest.raises(InputError, match="varying"):
        fit_constrained_arrays(0 * z, bin_width=0.01, rng=rng)
    with pytest.raises(InputError, match="no longer than tau"):
        fit_constrained_arrays(z, bin_width=0.1, rng=rng)
