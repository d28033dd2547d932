import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorec.design import Basis, b_spline, boxcar, gaussian, raised_cosine
from neurorec.recording import InputError

MAKERS = [raised_cosine, gaussian, b_spline, boxcar]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_zero_outside_the_window(make, spacing):
    basis = make(5, window=(0.1, 0.5), spacing=spacing)
    assert not basis([0.0, 0.0999, 0.5001, 2.0]).any()
    assert (basis([0.1, 0.3, 0.5]).sum(axis=1) > 0).all()


def test_inner_linear_raised_cosines_add_up_to_a_constant():
    values = raised_cosine(8, window=(0.0, 0.7))(np.linspace(0.1, 0.6, 101))
    np.testing.assert_allclose(values.sum(axis=1), 2.0, atol=1e-12)


def test_b_splines_and_boxes_are_partitions_of_one():
    lags = np.linspace(0, 1, 57)
    for make in (b_spline, boxcar):
        np.testing.assert_allclose(make(6, window=(0.0, 1.0))(lags).sum(axis=1), 1.0)


def test_neighbouring_gaussians_cross_at_half_height():
    np.testing.assert_allclose(gaussian(5, window=(0.0, 1.0))([0.375])[0, 1:3], 0.5)


def test_log_spacing_is_dense_at_the_first_lag():
    step = np.diff(raised_cosine(5, window=(0.01, 1.0), spacing="log").peaks)
    assert (np.diff(step) > 0).all()


@given(
    st.sampled_from(MAKERS),
    st.integers(4, 9),
    st.floats(-1, 1),
    st.floats(0.05, 2),
    st.sampled_from(["linear", "log"]),
)
def test_evaluation_shifts_with_the_window(make, n, first, span, spacing):
    here = make(n, window=(0.0, span), spacing=spacing)
    there = make(n, window=(first, first + span), spacing=spacing)
    inside = np.linspace(0.01, 0.99, 17) * span
    if make is not boxcar:  # a lag at the edge of two boxes may fall on either side
        np.testing.assert_allclose(here(inside), there(inside + first), atol=1e-6)
    assert np.isfinite(there(inside + first)).all()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"shape": "square"}, "shape"),
        ({"n": 0}, "basis n"),
        ({"window": (1.0, 0.0)}, "window"),
        ({"spacing": "even"}, "spacing"),
        ({"shape": "b_spline", "n": 3}, "cubic"),
    ],
)
def test_refuses_what_makes_no_basis(settings, word):
    with pytest.raises(InputError, match=word):
        Basis(**({"shape": "raised_cosine", "n": 3, "window": (0.0, 1.0)} | settings))
