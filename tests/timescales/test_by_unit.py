"""Timescales of recordings keep their labels, their edges and their doubts."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from neurorec.recording import InputError, SelectionError, recording_from_arrays
from neurorec.timescales import intrinsic_timescale, timescale_by_area
from neurorec.timescales.by_unit import TOO_FEW, UNOBSERVED
from neurorec.timescales.rows import cut_rows

N_TRIALS, N_BINS, BIN = 120, 60, 0.02
TRUE = {"V1": 0.06, "PPC": 0.2}


@pytest.fixture(scope="module")
def recording(ornstein_uhlenbeck) -> xr.Dataset:
    """Ten units of V1 that remember for 60 ms, ten of PPC for 200 ms, two nearly silent ones; gaps between trials."""
    rng = np.random.default_rng(0)
    parts = [ornstein_uhlenbeck(N_TRIALS, N_BINS, tau / BIN, rng, n_units=10) for tau in TRUE.values()]
    rate = np.maximum(1.0 + 0.45 * np.concatenate(parts, axis=2), 0)
    rate = np.concatenate([rate, np.full((N_TRIALS, N_BINS, 2), 0.001)], axis=2)
    start = np.arange(N_TRIALS) * 2.0
    return recording_from_arrays(
        rng.poisson(rate).reshape(-1, 22),
        bin_width=BIN,
        time=(start[:, None] + np.arange(N_BINS) * BIN).ravel(),
        area=["V1"] * 10 + ["PPC"] * 10 + [""] * 2,
        unit=[f"u{i}" for i in range(22)],
        trials=pd.DataFrame({"start": start, "stop": start + N_BINS * BIN}),
        attrs={"session": "made"},
    )


@pytest.fixture(scope="module")
def units(recording) -> xr.Dataset:
    return intrinsic_timescale(recording, bin_width=BIN, rng=np.random.default_rng(1), progress=False)


def test_units_keep_their_names_and_say_what_they_are(recording, units):
    for name in ("unit", "area"):
        np.testing.assert_array_equal(units[name].values, recording[name].values)
    assert set(units["session"].values) == {"made"}
    assert (units["status"].values[-2:] == TOO_FEW).all()
    assert np.isnan(units["tau"].values[-2:]).all()
    assert units["lag"].values[1] == pytest.approx(BIN)
    assert units["n_spikes"].values[0] == recording["activity"].values[:, 0].sum()


def test_areas_differ_as_they_were_made_to(recording, units):
    areas = timescale_by_area(recording, units, rng=np.random.default_rng(2), progress=False)
    assert areas["n_units"].sel(area=["V1", "PPC"]).values.tolist() == [10, 10]
    for name, tau in TRUE.items():
        one = areas.sel(area=name)
        assert float(one["tau_low"]) < tau < float(one["tau_high"])
        assert abs(float(one["median"]) / tau - 1) < 0.35
    assert areas.sel(area="")["status"].item() == TOO_FEW
    assert np.isnan(areas.sel(area="")["tau"].item())


def test_the_order_of_units_means_nothing(recording, units):
    turned = recording.isel(unit=slice(None, None, -1))
    again = intrinsic_timescale(turned, bin_width=BIN, rng=np.random.default_rng(1), progress=False)
    np.testing.assert_allclose(again["tau"].values[::-1], units["tau"].values, rtol=1e-6)


def test_a_response_shared_by_trials_is_no_memory(recording, units):
    wave = np.tile(np.round(3 + 3 * np.sin(np.arange(N_BINS) / 8)).astype(int), N_TRIALS)
    driven = recording.copy()
    driven["activity"] = recording["activity"] + wave[:, None]
    again = intrinsic_timescale(driven, bin_width=BIN, n_draws=0, rng=np.random.default_rng(1), progress=False)
    plain = intrinsic_timescale(recording, bin_width=BIN, n_draws=0, rng=np.random.default_rng(1), progress=False)
    kept = plain["status"].values[:20] == "converged"
    np.testing.assert_allclose(again["tau"].values[:20][kept], plain["tau"].values[:20][kept], rtol=1e-5)


def test_units_observed_apart_are_fitted_apart(recording):
    observed = np.ones((N_TRIALS * N_BINS, 22), dtype=bool)
    observed[: 20 * N_BINS, 5:10] = False
    observed[:, 15] = False
    partly = recording.assign(observed=(("time", "unit"), observed))
    rng = np.random.default_rng(1)
    result = intrinsic_timescale(partly, bin_width=BIN, min_spikes=0, n_draws=0, rng=rng, progress=False)
    alone = recording.isel(time=slice(20 * N_BINS, None), unit=slice(5, 10), trial=slice(20, None))
    expected = intrinsic_timescale(alone, bin_width=BIN, n_draws=0, rng=rng, progress=False)
    np.testing.assert_allclose(result["tau"].values[5:10], expected["tau"].values, rtol=1e-4)
    assert result["status"].values[15] == UNOBSERVED
    areas = timescale_by_area(partly, result, n_draws=20, rng=rng, progress=False)
    assert np.isfinite(areas["tau"].sel(area=["V1", "PPC"])).all()


def test_rows_are_trials_cut_to_the_window_in_whole_bins(recording):
    rows = cut_rows(recording, bin_width=2 * BIN, window=(0.2, 0.7))
    assert rows.values.shape == (N_TRIALS, 12, 22)
    raw = recording["activity"].values.reshape(N_TRIALS, N_BINS, 22)
    np.testing.assert_array_equal(rows.values[3, 0], raw[3, 10] + raw[3, 11])


def test_rows_of_different_lengths_end_in_missing_bins():
    recording = recording_from_arrays(np.ones((10, 1)), bin_width=0.1, segment=[0] * 5 + [1] * 3 + [2] * 2)
    rows = cut_rows(recording, bin_width=0.2).values[:, :, 0]
    np.testing.assert_array_equal(rows, [[2, 2], [2, np.nan], [2, np.nan]])


def test_what_cannot_be_done_is_refused(recording):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="multiple"):
        intrinsic_timescale(recording, bin_width=0.03, rng=rng)
    with pytest.raises(SelectionError, match="rows of a bin"):
        intrinsic_timescale(recording, bin_width=BIN, window=(5.0, 6.0), rng=rng)
    with pytest.raises(SelectionError, match="min_spikes"):
        intrinsic_timescale(recording, bin_width=BIN, min_spikes=10**9, rng=rng, progress=False)
    whole = recording_from_arrays(np.ones((100, 2)), bin_width=0.01)
    with pytest.raises(SelectionError, match="add_blocks"):
        intrinsic_timescale(whole, bin_width=0.01, min_spikes=0, rng=rng, progress=False)
    with pytest.raises(InputError, match="trials"):
        cut_rows(whole, window=(0, 1))


def test_what_never_varies_has_no_timescale(ornstein_uhlenbeck):
    """Neither warnings, nor a model chosen by an error that is infinite twice."""
    rng = np.random.default_rng(0)
    values = ornstein_uhlenbeck(12, 10, 0.1, rng, 3)
    values[..., 2] = 1.0
    trials = pd.DataFrame({"start": np.arange(12) * 0.5, "stop": np.arange(12) * 0.5 + 0.5})
    recording = recording_from_arrays(
        values.reshape(120, 3), bin_width=0.05, area=["V1", "V1", "PPC"], trials=trials, kind="rates"
    )
    options = {"n_draws": 10, "rng": rng, "progress": False}
    units = intrinsic_timescale(recording, model="auto", **options)
    assert np.isnan(units["tau"].values[2])
    areas = timescale_by_area(recording, units, **options)
    assert np.isnan(areas["autocorrelation"].sel(area="PPC")).all()
