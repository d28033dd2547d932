"""Filtered past counts: the same products as with the columns made."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorec.design import filter_in_runs, find_runs, raised_cosine
from neurorec.glm.designs.lagged import LaggedDesign, worthwhile
from neurorec.glm.team import Team
from neurorec.recording import InputError, recording_from_arrays

CLOSE = {np.float32: 2e-5, np.float64: 1e-12}


def made(counts, filters, lags, position):
    """The columns, by the definition, (row, source x basis)."""
    X = np.zeros((len(position), counts.shape[1], filters.shape[1]))
    for filter_at, lag in zip(filters, lags, strict=True):
        seen = (position >= 0) & (position >= lag)
        X[seen] += counts[position[seen] - lag][:, :, None] * filter_at
    return X.reshape(len(position), filters.shape[1] * counts.shape[1])


def assert_close(found, wanted, dtype):
    assert found.dtype == dtype
    atol = CLOSE[dtype] * max(1.0, np.abs(wanted).max(initial=0))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


def image(design, B, team):
    out = np.full((len(B), design.shape[0]), np.nan, dtype=design.dtype)
    design.forward(B, out, team)
    return out


def assert_is(design, X, *, n_jobs=1, n_units=3, seed=0):
    """Every product of a design equals that of the matrix."""
    rng = np.random.default_rng(seed)
    dtype = design.dtype.type
    assert design.shape == X.shape
    B = rng.standard_normal((n_units, X.shape[1])).astype(dtype)
    R = rng.standard_normal((n_units, X.shape[0])).astype(dtype)
    with Team(n_jobs) as team:
        eta, G = image(design, B, team), design.adjoint(R, team)
    assert_close(eta, B.astype(float) @ X.T, dtype)
    assert_close(G, R.astype(float) @ X, dtype)
    assert_close(design.block(0, len(X)), X, dtype)
    weight = np.abs(R.astype(float)) @ np.abs(X) @ np.abs(B.astype(float).T)
    inner = (eta.astype(float) * R).sum(axis=1), (G.astype(float) * B).sum(axis=1)
    np.testing.assert_array_less(np.abs(inner[0] - inner[1]), CLOSE[dtype] * (1 + np.diag(weight)))


@st.composite
def cases(draw):
    """Small counts, filters with zeros, lags in any order and rows in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_bins, n_sources, n_basis = draw(st.integers(1, 150)), draw(st.integers(1, 8)), draw(st.integers(1, 4))
    counts = rng.poisson(draw(st.sampled_from([0.01, 0.2, 2.0])), (n_bins, n_sources)) * rng.choice([1.0, 0.7, -2.5])
    lags = rng.choice(draw(st.sampled_from([12, 200])), size=draw(st.integers(1, 10)), replace=False)
    filters = rng.standard_normal((lags.size, n_basis)) * (rng.random((lags.size, n_basis)) < 0.7)
    kind = draw(st.sampled_from(["all", "any", "ordered", "none"]))
    position = {
        "all": np.arange(n_bins),
        "any": rng.integers(-1, n_bins, size=rng.integers(1, 200)),
        "ordered": np.flatnonzero(rng.random(n_bins) < 0.8),
        "none": np.full(5, -1),
    }[kind]
    return counts, filters, lags, position


@settings(deadline=None, max_examples=60)
@given(
    cases(),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 17, 150]),
    st.data(),
)
def test_products_equal_those_of_the_matrix(case, dtype, n_jobs, n_units, data):
    counts, filters, lags, position = case
    X = made(counts, filters, lags, position)
    design = LaggedDesign(counts, filters, lags, position=position, dtype=dtype)
    assert_is(design, X, n_jobs=n_jobs, n_units=n_units)
    index = st.lists(st.integers(0, X.shape[1] - 1), max_size=9)
    columns, rows = np.array(data.draw(index), dtype=int), np.flatnonzero(np.arange(len(X)) % 3)[::-1]
    part = design.take(columns).on(rows)
    assert_is(part, X[:, columns][rows], n_jobs=n_jobs)
    mean, scale = np.linspace(-1, 2, columns.size), np.linspace(0.5, 3, columns.size)
    Z = np.where(position[rows, None] < 0, 0, (X[:, columns][rows] - mean) / scale)
    assert_is(part.standardised(mean, scale), Z, n_jobs=n_jobs)


@pytest.fixture
def session():
    """More bins than one block holds, in pieces far apart, more units than one chunk holds."""
    rng = np.random.default_rng(3)
    counts = sp.random_array((9000, 40), density=0.05, format="csr", rng=rng)
    filters, lags = rng.standard_normal((5, 4)), np.array([0, 2, 3, 7, 30])
    position = np.concatenate([np.arange(5000), np.arange(5200, 5210), [6000, 8990, 8999]])
    return counts, filters, lags, position


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_long_recordings(session, dtype, n_jobs):
    counts, filters, lags, position = session
    design = LaggedDesign(counts, filters, lags, position=position, dtype=dtype)
    assert_is(design, made(counts.toarray(), filters, lags, position), n_jobs=n_jobs, n_units=130)


def test_blocks_are_rows(session):
    counts, filters, lags, position = session
    design = LaggedDesign(counts, filters, lags, position=position)
    np.testing.assert_array_equal(design.block(4990, 5013), design.block(0, len(position))[4990:])


def test_the_answer_of_a_unit_does_not_depend_on_its_company(session):
    counts, filters, lags, position = session
    design, team = LaggedDesign(counts, filters, lags, position=position), Team(1)
    R = np.random.default_rng(0).standard_normal((100, len(position))).astype(np.float32)
    np.testing.assert_allclose(design.adjoint(R[70:71], team)[0], design.adjoint(R, team)[70], rtol=1e-5, atol=1e-4)


def test_long_sums_keep_their_accuracy():
    rng = np.random.default_rng(0)
    counts, R = rng.poisson(0.3, (60_000, 3)).astype(float), rng.random((2, 60_000))
    filters, lags = np.array([[1.0], [0.5]]), np.array([1, 2])
    wanted = R.astype(np.float32).astype(float) @ made(counts, filters, lags, np.arange(60_000))
    found = LaggedDesign(counts, filters, lags).adjoint(R.astype(np.float32), Team(1))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_moments_are_those_of_the_rows_with_a_past(session, n_jobs):
    counts, filters, lags, position = session
    X = made(counts.toarray(), filters, lags, position)
    design = LaggedDesign(counts, filters, lags, position=np.append(position, [-1, -1]), dtype=np.float64)
    with Team(n_jobs) as team:
        mean, spread = design.column_moments(team)
        np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-13)
        np.testing.assert_allclose(spread, X.std(axis=0), rtol=1e-12)
        standard = design.standardised(mean, spread)
        np.testing.assert_array_equal(standard.block(len(position), len(position) + 2), 0)
        mean, spread = standard.column_moments(team)
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    np.testing.assert_allclose(spread, 1, rtol=1e-12)


def test_standardising_twice_is_standardising_once(session):
    counts, filters, lags, position = session
    design = LaggedDesign(counts, filters, lags, position=position, dtype=np.float64)
    mean = np.linspace(0, 1, design.shape[1])
    twice = design.standardised(mean, mean + 1).standardised(mean + 2, mean + 3)
    wanted = ((design.block(0, 99) - mean) / (mean + 1) - (mean + 2)) / (mean + 3)
    np.testing.assert_allclose(twice.block(0, 99), wanted, atol=1e-12)
    np.testing.assert_array_equal(
        design.block(0, 99), LaggedDesign(counts, filters, lags, dtype=np.float64).block(0, 99)
    )


def test_columns_are_those_of_the_design_of_a_recording():
    rng = np.random.default_rng(0)
    counts, basis = rng.poisson(0.2, (300, 4)), raised_cosine(3, (0.01, 0.1), spacing="log")
    recording = recording_from_arrays(counts, bin_width=0.01)
    runs = find_runs(recording)
    lags = np.arange(1, 11)
    wanted = filter_in_runs(counts, basis, runs).reshape(300, -1)
    design = LaggedDesign(counts, basis(lags * runs.bin_width), lags)
    np.testing.assert_allclose(design.block(0, 300), wanted, atol=1e-6)


def test_runs_that_empty_bins_keep_apart():
    rng = np.random.default_rng(0)
    counts, filters, lags = rng.poisson(1.0, (20, 2)), rng.standard_normal((3, 2)), np.array([1, 2, 3])
    padded = np.concatenate([counts[:8], np.zeros((3, 2)), counts[8:]])
    design = LaggedDesign(padded, filters, lags, position=np.concatenate([np.arange(8), np.arange(11, 23)]))
    np.testing.assert_allclose(design.block(8, 20), LaggedDesign(counts[8:], filters, lags).block(0, 12), atol=1e-6)


def test_nothing_to_see():
    empty = LaggedDesign(np.zeros((5, 2)), [[0.0]], [1], position=[0, 4, -1])
    assert_is(empty, np.zeros((3, 2)))
    assert empty.density == 0
    assert_is(empty.take(np.array([], dtype=int)), np.zeros((3, 0)))
    assert_is(empty.on(np.array([], dtype=int)), np.zeros((0, 2)))
    assert_is(LaggedDesign([[1], [0]], [[2.0]], [5]), np.zeros((2, 1)))


def test_density_counts_what_is_seen():
    counts = np.array([[1, 0], [0, 0], [3, 4], [5, 5]])
    assert LaggedDesign(counts, [[1.0]], [1]).density == 0.5
    assert LaggedDesign(counts, [[1.0]], [1], position=[3]).density == 1
    assert LaggedDesign(counts, [[1.0]], [1]).take([1]).density == pytest.approx(1 / 3)


def test_made_columns_are_faster_where_counts_are_dense_or_few():
    many = {"n_sources": 1000, "n_basis": 3, "n_taps": 28}
    assert worthwhile(0.02, **many)
    assert worthwhile(0.15, **many)
    assert not worthwhile(0.4, **many)
    assert not worthwhile(0.02, n_sources=30, n_basis=3, n_taps=28)
    assert not LaggedDesign(np.eye(9), [[1.0]], [1]).pays()


def test_arguments_are_left_as_they_are():
    counts, B = sp.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]])), np.ones((2, 2), dtype=np.float32)
    counts.data[0] = 0
    design = LaggedDesign(counts, [[1.0]], [0], dtype=np.float32)
    image(design, B, Team(1))
    assert counts.nnz == 3
    assert (B == 1).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"counts": [1, 2]}, "counts"),
        ({"counts": [["a"]]}, "counts"),
        ({"counts": [[1.0, np.nan], [0, 0]]}, "counts"),
        ({"counts": [[1.0, np.inf], [0, 0]]}, "counts"),
        ({"counts": [[1e200, 0], [0, 0]]}, "counts"),
        ({"filters": [1.0, 2.0]}, "filters"),
        ({"filters": [[1.0]]}, "filters"),
        ({"filters": [[1.0], [np.nan]]}, "filters"),
        ({"filters": np.ones((2, 0))}, "filters"),
        ({"lags": [0, -1]}, "lags"),
        ({"lags": [0.0, 1.0]}, "lags"),
        ({"lags": []}, "lags"),
        ({"position": [0, 2]}, "position"),
        ({"position": [-2]}, "position"),
        ({"position": [0.5]}, "position"),
        ({"position": [[0]]}, "position"),
        ({"dtype": np.int64}, "dtype"),
    ],
)
def test_what_cannot_be_used_is_refused(change, name):
    given_well = {"counts": [[1, 0], [0, 2]], "filters": [[1.0], [0.5]], "lags": [0, 1]}
    with pytest.raises(InputError, match=name):
        LaggedDesign(**(given_well | change))


def test_an_error_names_the_sources():
    with pytest.raises(InputError, match="sources 1"):
        LaggedDesign([[0.0, np.nan]], [[1.0]], [1])


def test_numbers_out_of_range_are_refused():
    design = LaggedDesign([[1, 0], [0, 2]], [[1.0]], [1])
    for refused in (lambda: design.take([2]), lambda: design.on([-1]), lambda: design.take([[0]])):
        with pytest.raises(InputError):
            refused()
    for mean, scale in (([0], [1]), ([0, np.nan], [1, 1]), ([0, 0], [1, 0])):
        with pytest.raises(InputError):
            design.standardised(mean, scale)
