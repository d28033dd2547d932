"""Mean responses that coefficients predict."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.design_operator import as_design
from neurorec.glm.losses import family_of, mean_of
from neurorec.recording import InputError


def predict_mean(
    X: ArrayLike, coef: ArrayLike, intercept: ArrayLike, *, family: str = "poisson", offset: ArrayLike | None = None
) -> NDArray:
    """Mean response of every unit.

    Parameters
    ----------
    X : array_like (time, feature)
        Design matrix.
    coef : array_like (unit, feature)
        Coefficients.
    intercept : array_like (unit,)
        Intercepts.
    family : {"poisson", "bernoulli", "gaussian"}
        Says the link: log, logit, identity.
    offset : array_like (time, unit), optional
        Known part of the linear predictor.

    Returns
    -------
    ndarray (time, unit)
        In the type of X. Poisson means are cut at exp(50).

    Examples
    --------
    >>> predict_mean([[1.0], [-1.0]], [[0.5]], [0.0]).round(2).tolist()
    [[1.65], [0.61]]
    """
    X, coef = as_design(X), np.asarray(coef)
    if coef.ndim != 2 or coef.shape[1] != X.shape[1]:
        raise InputError(
            "X", expected=f"{coef.shape[-1]} columns", found=f"{X.shape[1]}", remedy="use the design that was fitted"
        )
    eta = X @ coef.T.astype(X.dtype)
    eta += np.asarray(intercept, dtype=X.dtype)
    if offset is not None:
        eta += np.asarray(offset, dtype=X.dtype)
    return mean_of(eta, family_of(family))
