import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

from neurorec.recurrence.statistics.cells import cells_of, tidy_units
from neurorec.recurrence.statistics.mixed import fit_mixed
from neurorec.recurrence.statistics.noncentral import noncentral_below, noncentrality_interval


def drawn(seed, n_sessions=6):
    """Units of three areas in unequal numbers; two areas in the last session."""
    rng = np.random.default_rng(seed)
    pairs = [(a, s) for s in range(n_sessions) for a in range(3)][:-1]
    area, session = np.repeat(pairs, rng.integers(4, 40, len(pairs)), axis=0).T
    value = rng.normal(0, 0.8, n_sessions)[session] + rng.normal(0, 0.6, (n_sessions, 3))[session, area]
    return value + rng.normal(0, 1, area.size) + 0.3 * area, area, session


def test_means_of_cells_hold_what_statsmodels_finds_in_units():
    value, area, session = drawn(0)
    fit = fit_mixed(cells_of(tidy_units(value, area, session)), 3)
    frame = pd.DataFrame({"value": value, "area": area, "session": session})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = MixedLM.from_formula(
            "value ~ 0 + C(area)",
            data=frame,
            groups="session",
            re_formula="1",
            vc_formula={"cell": "0 + C(area)"},
        )
        expected = model.fit(reml=True, method="powell")
    np.testing.assert_allclose(fit.mean, expected.fe_params, rtol=1e-3)
    np.testing.assert_allclose(fit.covariance, np.asarray(expected.cov_params())[:3, :3], rtol=0.01)
    found = [fit.variance[name] for name in ("unit", "area_in_session", "session")]
    np.testing.assert_allclose(found, [expected.scale, expected.vcomp[0], np.ravel(expected.cov_re)[0]], rtol=0.01)


def test_the_fit_converges_whatever_variances_are_zero():
    rng = np.random.default_rng(1)
    for seed in range(40):
        value, area, session = drawn(seed, 2 + seed % 4)
        value = np.where(seed % 2, value, rng.standard_t(3, value.size))
        assert fit_mixed(cells_of(tidy_units(0.01 * value, area, session)), 3).converged


def test_values_that_do_not_vary_have_no_fit():
    fit = fit_mixed(cells_of(tidy_units(np.ones(8), ["A", "B"] * 4, np.repeat(["s", "t"], 4))), 2)
    assert not fit.converged
    assert np.isnan(fit.mean).all()


@pytest.mark.parametrize(("t", "freedom", "away"), [(1.0, 1.0, 2.0), (-1.0, 30.0, 1.0), (3.0, 500.0, 2.0)])
def test_noncentral_t_equals_scipy(t, freedom, away):
    np.testing.assert_allclose(noncentral_below(t, freedom, away), stats.nct.cdf(t, freedom, away), atol=1e-5)


def test_noncentrality_interval_covers_and_mirrors():
    rng = np.random.default_rng(2)
    t = (rng.normal(1.5, 1, 300)) / np.sqrt(rng.chisquare(6, 300) / 6)
    inside = [low < 1.5 < high for low, high in (noncentrality_interval(x, 6) for x in t)]
    assert stats.binomtest(sum(inside), 300, 0.95).pvalue > 0.01
    np.testing.assert_allclose(noncentrality_interval(-2, 6), [-x for x in noncentrality_interval(2, 6)[::-1]])
    assert np.isnan(noncentrality_interval(np.inf, 6)).all()
