"""A design read in blocks, in runs of rows, or side by side gives the answers of the plain array."""

import h5py
import numpy as np
import pytest

from neurorec.glm import PopulationGLMCV, choose_penalty, fit_population, penalty_path, predict_mean
from neurorec.glm.designs import BlockedDesign, DenseDesign, as_design, protocol, stack_designs
from neurorec.glm.team import Team
from neurorec.recording import InputError


class Lazy:
    """A lazy array as the fit sees one: rows are computed when asked for, and it counts how many at a time."""

    def __init__(self, values):
        self._values, self.most = values, 0
        self.shape, self.dtype, self.chunks = values.shape, values.dtype, ((7,) * len(values),)

    def __getitem__(self, rows):
        found = self._values[rows]
        self.most = max(self.most, len(found))
        return found


@pytest.fixture(params=["memmap", "h5py", "h5py in one piece", "lazy", "dask", "stacked", "runs"])
def made(request, tmp_path):
    """Make the design of an array in some other form."""

    def make(X):
        if request.param == "memmap":
            values = np.memmap(tmp_path / "X", dtype=X.dtype, shape=X.shape, mode="w+")
            values[...] = X
            return values
        if request.param.startswith("h5py"):
            file = h5py.File(tmp_path / "X.h5", "w")
            request.addfinalizer(file.close)
            return file.create_dataset("X", data=X, chunks=(50, 3) if request.param == "h5py" else None)
        if request.param == "lazy":
            return Lazy(X)
        if request.param == "dask":
            return pytest.importorskip("dask.array").from_array(X, chunks=(64, 5))
        if request.param == "stacked":
            return stack_designs([X[:, :2], as_design(Lazy(X[:, 2:5])), X[:, 5:]])
        padded = np.full((3 * len(X), X.shape[1]), np.nan, X.dtype)
        padded[5 : 5 + 400], padded[900 : 900 + len(X) - 400] = X[:400], X[400:]
        return DenseDesign(padded, [(5, 405), (900, 500 + len(X))])

    return make


@pytest.fixture(params=[1 << 26, 3000])
def block_bytes(request, monkeypatch):
    """Read all at once, or a few rows at a time."""
    monkeypatch.setattr(protocol, "BLOCK_BYTES", request.param)


def same(found, expected, atol):
    found, expected = (
        [part if isinstance(part, np.ndarray) else part.toarray() for part in x] for x in (found, expected)
    )
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=atol)


@pytest.mark.usefixtures("block_bytes")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fits_paths_and_choices(simulate, made, dtype):
    X, Y = simulate(n_times=1200, n_features=9, n_units=6, size=0.2)
    X = X.astype(dtype)
    X[:, 4] = 2.0  # does not vary
    atol = 1e-7 if dtype == np.float64 else 2e-3
    allowed = np.ones((6, 9), dtype=bool)
    allowed[np.arange(6), np.arange(6)] = False
    other, tol = made(X), 1e-13 if dtype == np.float64 else 1e-6
    ridge = [fit_population(x, Y, penalty=0.01, allowed=allowed, tol=tol) for x in (X, other)]
    assert ridge[1].coef.dtype == dtype
    same([ridge[1].coef], [ridge[0].coef], atol)
    np.testing.assert_allclose(
        predict_mean(other, ridge[0].coef, ridge[0].intercept),
        predict_mean(X, ridge[0].coef, ridge[0].intercept),
        rtol=1e-5 if dtype == np.float32 else 1e-12,
    )
    for options in ({"l1_ratio": 0.8, "groups": np.repeat([0, 1, 2], 3)}, {"penalty_weight": np.arange(1, 10.0)}):
        paths = [penalty_path(x, Y, n_penalties=4, tol=tol, **options) for x in (X, other)]
        same(paths[1].coef, paths[0].coef, max(atol, 1e-5))
    folds = np.arange(1200) // 60 % 3
    folds[:60] = -1
    choices = [choose_penalty(x, Y, folds, [1.0, 0.1, 0.01], tol=tol) for x in (X, other)]
    np.testing.assert_allclose(choices[1].deviance, choices[0].deviance, rtol=1e-4 if dtype == np.float32 else 1e-7)
    np.testing.assert_array_equal(choices[1].index, choices[0].index)


@pytest.mark.usefixtures("block_bytes")
def test_bins_that_nobody_uses_may_hold_anything(simulate, made):
    X, Y = simulate(n_times=600)
    weight = (np.arange(600) % 3 > 0).astype(float)
    X[weight == 0] = np.nan
    plain, other = (fit_population(x, Y, sample_weight=weight, tol=1e-13) for x in (X, made(X)))
    np.testing.assert_allclose(other.coef, plain.coef, atol=1e-7)


def test_estimators_read_lazy_arrays(simulate):
    X, Y = simulate(n_times=600)
    models = [PopulationGLMCV(penalties=[1.0, 0.1, 0.01]).fit(x, Y) for x in (X, Lazy(X))]
    np.testing.assert_array_equal(models[1].penalty_, models[0].penalty_)
    np.testing.assert_allclose(models[1].coef_, models[0].coef_, atol=1e-3)
    np.testing.assert_allclose(models[1].predict(Lazy(X)), models[1].predict(X), rtol=1e-10)


def test_only_a_block_is_read_at_a_time(simulate, monkeypatch):
    X, Y = simulate(n_times=600)
    monkeypatch.setattr(protocol, "BLOCK_BYTES", 20 * 6 * 8)
    lazy = Lazy(X)
    choose_penalty(lazy, Y, np.arange(600) // 200, [0.1, 0.01])
    assert lazy.most <= 20


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_products_of_parts(made, n_jobs):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((800, 7))
    design = as_design(made(X))
    rows, columns = np.concatenate([np.arange(700, 790), np.arange(10, 40), [3, 1]]), np.array([6, 0, 3, 2])
    B, R = rng.standard_normal((3, 4)), rng.standard_normal((3, rows.size))
    with Team(n_jobs) as team:
        for part in (design.take(columns).on(rows), design.on(rows).take(columns)):
            assert part.shape == (rows.size, 4)
            out = np.empty((3, rows.size))
            part.forward(B, out, team)
            np.testing.assert_allclose(out, B @ X[rows][:, columns].T, atol=1e-12)
            np.testing.assert_allclose(part.adjoint(R, team), R @ X[rows][:, columns], atol=1e-12)
            np.testing.assert_array_equal(part.block(85, 95), X[rows][:, columns][85:95])


def test_what_cannot_be_stacked():
    with pytest.raises(InputError, match="parts"):
        stack_designs([np.ones((3, 1)), np.ones((4, 1))])
    with pytest.raises(InputError, match="parts"):
        stack_designs([np.ones((3, 1)), np.ones((3, 1), np.float32)])


def test_missing_values_in_a_file_are_named(simulate, tmp_path):
    X, Y = simulate()
    with h5py.File(tmp_path / "X.h5", "w") as file:
        X[200, 3] = np.inf
        with pytest.raises(InputError, match="columns 3"):
            fit_population(file.create_dataset("X", data=X, chunks=True), Y)


def test_contiguous_files_are_not_read_whole(tmp_path):
    with h5py.File(tmp_path / "X.h5", "w") as file:
        assert isinstance(as_design(file.create_dataset("X", data=np.ones((4, 2)))), BlockedDesign)
