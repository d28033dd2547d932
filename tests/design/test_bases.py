import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorec.design import Basis, b_spline, boxcar, gaussian, gaussians_at, raised_cosine
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


def test_gaussians_peak_where_they_are_told_to_and_end():
    basis = gaussians_at([0.0, 0.1, 0.4], [0.05, 0.05, 0.2], window=(0.0, 2.0))
    np.testing.assert_allclose(np.diag(basis([0.0, 0.1, 0.4])), 1.0)
    np.testing.assert_allclose(basis([0.05])[0, :2], np.exp(-0.5))
    np.testing.assert_array_equal(basis.peaks, [0.0, 0.1, 0.4])
    assert not basis([-0.01, 2.01]).any()
    assert not basis([0.21])[0, 0]
    assert not basis([1.3]).any()


def test_evenly_placed_gaussians_are_those_of_even_spacing():
    lags = np.linspace(0, 1, 41)
    near = gaussian(5, window=(0.0, 1.0))(lags)
    given_there = gaussians_at([0, 0.25, 0.5, 0.75, 1.0], window=(0.0, 1.0))(lags)
    np.testing.assert_allclose(given_there, near, atol=1e-3)  # where they end


def test_a_window_that_starts_later_moves_the_peak():
    assert gaussians_at([0.0, 0.1], window=(0.03, 1.0)).peaks.tolist() == [0.03, 0.1]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"centres": (0.1, 0.2), "widths": (0.1,)}, "2 and 1"),
        ({"centres": (0.1, 0.2), "widths": (0.1, 0.0)}, "positive"),
        ({"centres": (0.1, 0.2), "widths": (0.1, 0.1), "shape": "boxcar"}, "gaussian"),
    ],
)
def test_refuses_centres_that_make_no_basis(settings, word):
    with pytest.raises(InputError, match=word):
        Basis(**({"shape": "gaussian", "n": 2, "window": (0.0, 1.0)} | settings))


def test_widths_come_from_neighbours_only_where_there_are_some():
    for centres in ([0.1], [0.2, 0.1]):
        with pytest.raises(InputError, match="increasing"):
            gaussians_at(centres)


@pytest.mark.parametrize("window", [0.1, (0.1,), ("a", "b"), (0.1, 0.0)])
def test_a_window_is_two_numbers(window):
    with pytest.raises(InputError, match="window"):
        Basis("gaussian", 2, window)
