"""Private columns: the same answers as dense ones, without the dense work."""

import numpy as np
import pytest

from neurorec.glm import fit_population
from neurorec.glm.designs import DenseDesign, MaskedDesign
from neurorec.glm.team import Team


@pytest.fixture
def history():
    """Five common columns, two private ones per unit, and one more for units 0 and 3."""
    rng = np.random.default_rng(0)
    n_units = 40
    X = rng.standard_normal((200, 5 + 2 * n_units + 1))
    allowed = np.zeros((n_units, X.shape[1]), dtype=bool)
    allowed[:, :5] = True
    for unit in range(n_units):
        allowed[unit, 5 + 2 * unit : 7 + 2 * unit] = True
    allowed[[0, 3], -1] = True
    allowed[7, 2] = False
    Y = rng.poisson(np.exp(0.3 * X[:, :n_units] + 0.3 * X[:, 5 : 5 + 2 * n_units : 2] - 1)).astype(float)
    return X, Y, allowed


def test_only_common_columns_are_dense(history):
    X, Y, allowed = history
    design = MaskedDesign(DenseDesign(X), allowed, Y.shape[1])
    assert design.common.tolist() == [0, 1, 2, 3, 4]
    assert design.n_packed == 5 + 3


def test_products_equal_dense_ones(history):
    X, Y, allowed = history
    rng = np.random.default_rng(1)
    design = MaskedDesign(DenseDesign(X), allowed, Y.shape[1])
    coef = rng.standard_normal(allowed.shape) * allowed
    packed = design.pack(coef)
    units = np.array([0, 3, 7, 39])
    np.testing.assert_array_equal(design.unpack(packed[units], units), coef[units])
    image, part = np.empty((4, len(X))), np.empty((4, 9))
    R = rng.standard_normal((4, len(X)))
    with Team(2) as team:
        design.forward(packed[units], units, image, team)
        slope = design.adjoint(R, units, team)
        design.on(DenseDesign(X[:9])).forward(packed[units], units, part, team)
    np.testing.assert_allclose(image, coef[units] @ X.T, atol=1e-12)
    np.testing.assert_allclose(design.unpack(slope, units), (R @ X) * allowed[units], atol=1e-12)
    np.testing.assert_allclose(part, coef[units] @ X[:9].T, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.8])
def test_the_fit_is_that_of_each_unit_alone(history, l1_ratio):
    X, Y, allowed = history
    fit = fit_population(X, Y, penalty=0.02, l1_ratio=l1_ratio, allowed=allowed, tol=1e-12)
    assert fit.converged.all()
    assert not fit.coef[~allowed].any()
    for unit in (0, 7, 20):
        own = allowed[unit]
        single = fit_population(X[:, own], Y[:, [unit]], penalty=0.02, l1_ratio=l1_ratio, tol=1e-12)
        np.testing.assert_allclose(fit.coef[unit, own], single.coef[0], atol=1e-5)


def test_nothing_allowed_leaves_the_mean(history):
    X, Y, allowed = history
    fit = fit_population(X, Y, allowed=np.zeros_like(allowed))
    assert fit.converged.all()
    np.testing.assert_allclose(np.exp(fit.intercept), Y.mean(axis=0))


def test_private_columns_only(history):
    X, Y, allowed = history
    allowed[:, :5] = False
    fit = fit_population(X, Y, allowed=allowed)
    assert fit.converged.all()
    assert not fit.coef[~allowed].any()
