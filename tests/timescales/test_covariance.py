"""The sample autocovariance is what it says, and its bias is known exactly."""

import numpy as np
import pytest

from neurorec.recording import InputError
from neurorec.timescales import autocovariance, expected_autocovariance


def _brute_force(mask: np.ndarray, true: np.ndarray, centring: str, max_lag: int) -> list[float]:
    """Expected sample autocovariance from the whole covariance matrix and the projection that centres."""
    places = np.argwhere(mask)
    trial, at = places.T
    alike = {"grand": np.ones((len(places),) * 2, bool), "trial": trial[:, None] == trial, "bin": at[:, None] == at}
    group = alike[centring].astype(float)
    centre = np.eye(len(places)) - group / group.sum(axis=1, keepdims=True)
    same = trial[:, None] == trial
    covariance = centre @ np.where(same, true[np.abs(at[:, None] - at)], 0.0) @ centre.T
    return [covariance[same & (at - at[:, None] == lag)].mean() for lag in range(max_lag + 1)]


@pytest.mark.parametrize("centring", ["trial", "bin", "grand"])
@pytest.mark.parametrize("share", [1.0, 0.8])
def test_the_expected_sample_is_that_of_the_projected_covariance(centring, share):
    rng = np.random.default_rng(0)
    mask = rng.random((7, 9)) < share
    true = rng.random(9)
    expected = expected_autocovariance(mask, 5, centring) @ true
    np.testing.assert_allclose(expected, _brute_force(mask, true, centring, 5), atol=1e-12)


def test_whole_trials_centred_on_their_mean_know_nothing_of_an_offset():
    assert np.abs(expected_autocovariance(np.ones((3, 12)), 8, "trial").sum(axis=1)).max() < 1e-12


def test_it_is_the_mean_product_of_pairs_within_trials():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((5, 8))
    values[2, 3] = np.nan
    centred = values - np.nanmean(values, axis=0)
    sample = autocovariance(values, max_lag=3)
    for lag in range(4):
        products = centred[:, : 8 - lag] * centred[:, lag:]
        assert sample.covariance[lag, 0] == pytest.approx(np.nanmean(products))
        assert sample.pairs[:, lag].sum() == np.isfinite(products).sum()


def test_the_order_of_trials_and_units_means_nothing():
    rng = np.random.default_rng(2)
    values = rng.standard_normal((6, 10, 4))
    sample = autocovariance(values).covariance
    turned = autocovariance(values[rng.permutation(6)][:, :, ::-1]).covariance
    np.testing.assert_allclose(sample, turned[:, ::-1], atol=1e-12)


def test_what_all_trials_share_is_no_covariance():
    rng = np.random.default_rng(3)
    values = rng.standard_normal((6, 10))
    shared = 100 * np.sin(np.arange(10))
    np.testing.assert_allclose(autocovariance(values + shared).covariance, autocovariance(values).covariance, atol=1e-9)


@pytest.mark.parametrize("values", [np.ones((1, 10)), np.ones(5), np.ones((2, 2, 2, 2))])
def test_what_cannot_be_centred_is_refused(values):
    with pytest.raises(InputError):
        autocovariance(values)


def test_units_must_be_observed_alike():
    values = np.ones((3, 4, 2))
    values[0, 0, 1] = np.nan
    with pytest.raises(InputError, match="same bins"):
        autocovariance(values)
