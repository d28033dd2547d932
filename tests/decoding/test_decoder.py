"""The decoder: its parts against scikit-learn, chance where there is nothing, no look at held-out trials."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from neurorec.decoding import decode_over_time, decode_windows
from neurorec.decoding.decoder import _lda, shrinkage
from neurorec.recording import InputError, SelectionError


def signal(rng, n=60, n_time=3, n_units=12, gain=1.0, share=0.5):
    label = np.where(np.arange(n) < share * n, "a", "b")
    return rng.normal(size=(n, n_time, n_units)) + gain * (label == "b")[:, None, None], label


def test_shrinkage_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4, 30, 8)) * np.linspace(0.3, 2, 8)
    z -= z.mean(axis=1, keepdims=True)
    ours = shrinkage(z, z.swapaxes(1, 2) @ z / 30)
    np.testing.assert_allclose(ours, [ledoit_wolf_shrinkage(one, assume_centered=True) for one in z], rtol=1e-9)


def test_probabilities_are_those_of_scikit_learn_given_the_shrinkage():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1, 2], [10, 14, 20])
    x = rng.normal(size=(1, 44, 6)) + rng.normal(size=(3, 6))[y]
    residual = x - np.stack([x[0, y == k].mean(axis=0) for k in range(3)])[y]
    covariance = residual[0].T @ residual[0] / 44

    class Known:
        def fit(self, z):
            a = shrinkage(residual, covariance[None])[0]
            self.covariance_ = (1 - a) * covariance + a * np.trace(covariance) / 6 * np.eye(6)
            return self

    # Each class hands the same pooled covariance over, so that scikit-learn's average of them is ours.
    peer = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Known(), priors=[1 / 3] * 3).fit(x[0], y)
    new = rng.normal(size=(1, 9, 6))
    np.testing.assert_allclose(_lda(x, y, new, 3)[0], peer.predict_proba(new[0]), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("decoder", ["lda", "logistic"])
def test_both_decoders_find_what_is_there(decoder):
    rng = np.random.default_rng(2)
    x, label = signal(rng, n_time=2)
    x[:, 0] = rng.normal(size=x[:, 0].shape)
    found = decode_windows(x, label, decoder=decoder, rng=rng)
    accuracy = found.correct(label).mean(axis=0)
    assert 0.3 < accuracy[0] < 0.7
    assert accuracy[1] > 0.9
    np.testing.assert_allclose(found.chosen.sum(axis=2), 1)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_shuffled_labels_give_chance_on_average(share):
    """Balanced, however unequal the classes: the mean over 60 shuffles lies within 3 standard errors of a half."""
    rng = np.random.default_rng(3)
    x, label = signal(rng, n_time=1, n_units=30, share=share)
    means = []
    for _ in range(60):
        mixed = rng.permutation(label)
        correct = decode_windows(x, mixed, rng=rng).correct(mixed)[:, 0]
        means.append(np.mean([correct[mixed == k].mean() for k in "ab"]))
    assert abs(np.mean(means) - 0.5) < 3 * np.std(means) / np.sqrt(60)


def test_a_held_out_trial_does_not_reach_its_decoder():
    """What a fold says is the same whatever the scale and values of the other held-out trials are."""
    rng = np.random.default_rng(4)
    x, label = signal(rng)
    folds = np.arange(60) % 5
    spoiled = x.copy()
    spoiled[(folds == 0) & (np.arange(60) > 0)] *= 1e3
    before, after = (decode_windows(a, label, folds=folds, rng=rng).probability for a in (x, spoiled))
    np.testing.assert_allclose(before[0], after[0])
    assert not np.allclose(before[1], after[1])


def test_trials_left_out_and_silent_units():
    rng = np.random.default_rng(5)
    x, label = signal(rng)
    label = label.astype("U5")
    label[:4] = ""
    x[..., 0] = 0.0
    x[10, 1] = np.nan
    found = decode_windows(x, label, rng=rng)
    assert (found.fold[:4] == -1).all()
    assert np.isnan(found.chosen[:4]).all()
    assert np.isnan(found.probability[10]).tolist() == [False, True, False]
    assert np.isfinite(found.probability[4:10]).all()


def test_where_nothing_fires_classes_tie():
    found = decode_windows(np.zeros((20, 1, 3)), np.arange(20) % 2, rng=np.random.default_rng(6))
    np.testing.assert_allclose(found.probability, 0.5)
    np.testing.assert_allclose(found.chosen, 0.5)


def test_draws_of_units_average_and_repeat_with_the_seed():
    x, label = signal(np.random.default_rng(7), gain=0.5)
    options = {"n_units": 3, "n_draws": 8}
    one, two = (decode_windows(x, label, **options, rng=np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one.probability, two.probability)
    assert set(np.unique(one.chosen * 8)) <= set(range(9))
    assert np.unique(one.chosen).size > 2
    full = decode_windows(x, label, rng=np.random.default_rng(8))
    assert full.correct(label).mean() > one.correct(label).mean()


def test_what_cannot_be_decoded_is_said(recording):
    rng = np.random.default_rng(9)
    x, label = signal(rng)
    with pytest.raises(InputError, match="two classes"):
        decode_windows(x, np.full(60, "a"), rng=rng)
    with pytest.raises(InputError, match="n_folds"):
        decode_windows(x, np.r_[["a"] * 57, ["b"] * 3], rng=rng)
    with pytest.raises(InputError, match="n_units"):
        decode_windows(x, label, n_units=99, rng=rng)
    with pytest.raises(SelectionError, match="areas"):
        decode_over_time(recording, "stimulus", n_units=41, rng=rng)
    with pytest.raises(SelectionError, match="stimulus"):
        decode_over_time(recording, "colour", rng=rng)
    with pytest.raises(InputError, match="two classes"):
        decode_over_time(recording, np.full(recording.sizes["trial"], ""), rng=rng)


def test_the_labelled_result_keeps_trials_and_areas(recording, decoded):
    assert dict(decoded.sizes) == {"area": 2, "trial": 200, "time": 30, "class": 2}
    assert decoded["area"].values.tolist() == ["PPC", "V1"]
    assert decoded.attrs["chance"] == 0.5
    np.testing.assert_array_equal(decoded["group"], recording["group"])
    own = decoded["chosen"].sel(area="V1").values[np.arange(200), :, decoded["true_class"].values]
    np.testing.assert_array_equal(own, decoded["correct"].sel(area="V1"))
    some = np.where(np.arange(200) < 20, "", recording["stimulus"].values)
    part = decode_over_time(recording, some, areas=["V1"], window=(0.1, 0.2), rng=np.random.default_rng(0))
    assert np.isnan(part["correct"].values[0, :20]).all()
    assert (part["true_class"].values[:20] == -1).all()
    assert part["correct"].values[0, 20:].mean() > 0.7


def test_given_folds_are_used(recording):
    folds = np.arange(200) // 40
    rng = np.random.default_rng(0)
    found = decode_over_time(recording, "stimulus", folds=folds, window=(0.1, 0.2), rng=rng)
    np.testing.assert_array_equal(found["fold"], folds)


def test_what_leaves_nothing_to_decode_is_said(recording):
    rng = np.random.default_rng(0)
    with pytest.raises(SelectionError, match="recording: expected trials, found none"):
        decode_over_time(recording.drop_dims("trial").drop_vars("trial_id"), "stimulus", rng=rng)
    with pytest.raises(SelectionError, match=r"areas=\[''\]"):
        decode_over_time(recording.assign_coords(area=("unit", [""] * recording.sizes["unit"])), "stimulus", rng=rng)
    few = recording.isel(time=recording["trial_id"].values < 3)
    with pytest.raises(SelectionError, match="two training trials or more of every class"):
        decode_over_time(few, "stimulus", window=(0, 0.05), n_folds=2, rng=rng)
