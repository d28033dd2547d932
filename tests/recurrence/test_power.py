import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

from neurorec.recording import InputError
from neurorec.recurrence import compare_areas, power_by_sessions

VARIANCE = {"unit": 1.0, "area_in_session": 0.1, "session": 0.2}


def test_no_difference_is_found_at_the_level():
    for shared in (True, False):
        found = power_by_sessions(VARIANCE, 0.0, n_areas=3, shared=shared, level=0.01)
        np.testing.assert_allclose(found["power"], 0.01, atol=1e-5)
        np.testing.assert_allclose(found["power_overall"], 0.01, atol=1e-5)


def test_two_areas_equal_the_power_of_t_tests():
    found = power_by_sessions(VARIANCE, [0.3, 0.6], n_sessions=[3, 8], n_units=10)
    for i, d in enumerate([0.3, 0.6]):
        for j, n in enumerate([3, 8]):
            expected = TTestPower().power(d / np.sqrt(2 * 0.2), n, 0.05)
            np.testing.assert_allclose(found["power"][i, j], expected, atol=1e-4)
            np.testing.assert_allclose(found["power_overall"][i, j], expected, atol=1e-4)
    apart = power_by_sessions(VARIANCE, 0.6, n_sessions=[8], n_units=10, shared=False)
    expected = TTestIndPower().power(0.6 / np.sqrt(0.4), 8, 0.05)
    np.testing.assert_allclose(apart["power"].item(), expected, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("shared", [True, False])
def test_simulated_studies_come_near_the_formulas(shared):
    settings = {"n_sessions": [3, 6], "n_areas": 3, "shared": shared}
    exact = power_by_sessions(VARIANCE, [0.0, 0.6], **settings)
    found = power_by_sessions(
        VARIANCE, [0.0, 0.6], **settings, method="simulation", n_simulations=50, rng=np.random.default_rng(0)
    )
    for name in ("power", "power_overall"):
        error = np.sqrt(exact[name] * (1 - exact[name]) / 50)
        assert (np.abs(found[name] - exact[name]) < 3.3 * error).all()


def test_variances_of_an_area_effect_can_be_used():
    rng = np.random.default_rng(1)
    session, area = np.repeat(np.arange(6), 20), np.tile(np.repeat(["A", "B"], 10), 6)
    effect = compare_areas(rng.normal(size=120), area, session)
    found = power_by_sessions(effect, [0.0, 1.0, 5.0], n_sessions=range(2, 6))
    assert found.attrs["variance_unit"] == effect.variance["unit"]
    assert np.isnan(found["sessions_needed"][0])
    assert found["sessions_needed"][2] == 2


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"n_sessions": [1]}, "n_sessions"),
        ({"n_areas": 1}, "n_areas"),
        ({"method": "guess"}, "method"),
        ({"method": "simulation"}, "rng"),
        ({"variance": {"units": 1.0}}, "variance"),
    ],
)
def test_what_cannot_be_is_refused(wrong, name):
    settings = {"variance": VARIANCE, "difference": 0.1} | wrong
    with pytest.raises(InputError, match=name):
        power_by_sessions(**settings)
