"""Mean responses that coefficients predict."""

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs import Design, as_design
from neurorec.glm.losses import family_of, mean_of
from neurorec.glm.team import Team
from neurorec.recording import InputError


def predict_mean(
    X: "ArrayLike | Design",
    coef: "ArrayLike | scipy.sparse.csr_array",
    intercept: ArrayLike,
    *,
    family: str = "poisson",
    offset: ArrayLike | None = None,
) -> NDArray:
    """Mean response of every unit.

    Parameters
    ----------
    X : array_like or Design (time, feature)
        Design matrix.
    coef : array_like or sparse array (unit, feature)
        Coefficients.
    intercept : array_like (unit,)
        Intercepts.
    family : {"poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"}
        Says the link: log, logit, identity, log, log.
    offset : array_like (time, unit), optional
        Known part of the linear predictor.

    Returns
    -------
    ndarray (time, unit)
        In the type of X. Under a log link means are cut at exp(50).

    Examples
    --------
    >>> predict_mean([[1.0], [-1.0]], [[0.5]], [0.0]).round(2).tolist()
    [[1.65], [0.61]]
    """
    design, coef = as_design(X), coef.toarray() if scipy.sparse.issparse(coef) else np.asarray(coef)
    if coef.ndim != 2 or coef.shape[1] != design.shape[1]:
        raise InputError(
            "X",
            expected=f"{coef.shape[1] if coef.ndim == 2 else coef.shape} columns",
            found=f"{design.shape[1]}",
            remedy="use the design that was fitted",
        )
    eta = np.empty((len(coef), design.shape[0]), dtype=design.dtype)
    design.forward(np.ascontiguousarray(coef, dtype=design.dtype), eta, Team(1))
    eta += np.asarray(intercept, dtype=design.dtype)[:, None]
    if offset is not None:
        eta += np.asarray(offset, dtype=design.dtype).T
    return mean_of(eta, family_of(family)).T
