"""Derivatives of the losses in compiled code: against the formulas, in extended precision."""

import numpy as np
import pytest

from neurorec.glm.kernels.losses import POISSON, derivatives


@pytest.mark.parametrize(("dtype", "furthest"), [(np.float32, 80), (np.float64, 700)])
def test_the_exponential_is_right_to_two_units_in_the_last_place(dtype, furthest):
    eta = np.linspace(-furthest, furthest, 100_001).astype(dtype)
    mean, bend = np.empty_like(eta), np.empty_like(eta)
    derivatives(POISSON, eta, np.zeros_like(eta), np.nan, mean, bend)
    exact = np.exp(eta.astype(np.longdouble))
    assert np.abs(mean / exact - 1).max() <= 2 * np.finfo(dtype).eps
    np.testing.assert_array_equal(mean, bend)
