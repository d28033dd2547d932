"""Other packages on the same work: how each is told the same objective, and to which tolerance.

Every penalty multiplies l1_ratio |b|_1 + (1 - l1_ratio) / 2 |b|^2 beside the mean loss over bins, in all of them, and
the intercept is free. Columns that a unit may not use are dropped beforehand, and the design is handed over in the
order of memory that the package reads fastest: neither is timed. Tolerances are powers of ten, the loosest that reached
a gap of 1e-6 at S and at M; they do not change from run to run. Where a package works in float32 too, both are shown.
"""

import importlib.util
import warnings
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from simulate import Work

Answer = tuple[NDArray, NDArray]  # coefficients (penalty, column) and intercepts (penalty,)
Answers = tuple[NDArray, NDArray, float]  # coefficients (unit, penalty, feature), intercepts, seconds
Clock = Callable[[Callable[[], Answer]], tuple[Answer, float]]


class Peer(NamedTuple):
    """One way to have one package do one job, unit by unit."""

    name: str
    module: str  # what must be installed
    job: str
    fit: Callable[..., Answer]  # of (X, y, penalties, l1_ratio)
    settings: str
    dtype: type = np.float64
    order: Literal["C", "F"] = "C"
    sizes: tuple[str, ...] = ("tiny", "S", "M", "L", "low_rate")
    jointly: int = 0  # units that are fitted at once; fit then gets (X, Y, penalties, allowed)


def sklearn_ridge(solver: str, tol: float) -> Callable[..., Answer]:
    """scikit-learn's PoissonRegressor: half the mean deviance + alpha / 2 |b|^2."""

    def fit(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
        from sklearn.linear_model import PoissonRegressor

        model = PoissonRegressor(alpha=float(penalties[0]), solver=solver, tol=tol, max_iter=1000).fit(X, y)
        return model.coef_[None], np.array([model.intercept_])

    return fit


def glum_ridge(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
    """glum: half the mean deviance + alpha / 2 |b|^2."""
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="poisson", alpha=float(penalties[0]), l1_ratio=0, solver="irls-ls", gradient_tol=1e-3, copy_X=False
    ).fit(X, y)
    return model.coef_[None], np.array([model.intercept_])


def glum_path(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
    """glum along its own path of given penalties."""
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="poisson",
        alpha=penalties,
        alpha_search=True,
        l1_ratio=l1_ratio,
        solver="irls-cd",
        gradient_tol=1e-4,
        copy_X=False,
    ).fit(X, y)
    return model.coef_path_, model.intercept_path_


def statsmodels_ridge(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
    """statsmodels: log-likelihood of all bins, so T alpha / 2 |b|^2; BFGS is what it has for a pure ridge."""
    import statsmodels.api as sm

    alpha = np.append(0.0, np.full(X.shape[1], penalties[0]))
    start = np.append(np.log(y.mean()), np.zeros(X.shape[1]))
    model = sm.GLM(y, sm.add_constant(X, has_constant="add"), family=sm.families.Poisson())
    found = model.fit_regularized(alpha=alpha, L1_wt=0.0, start_params=start).params
    return found[None, 1:], found[:1]


def adelie_path(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
    """adelie: the mean of the loss; groups of one column, whose penalty factors are 1. y must be contiguous."""
    import adelie

    glm = adelie.glm.poisson(y, dtype=y.dtype.type)
    state = adelie.grpnet(
        X, glm, alpha=l1_ratio, lmda_path=penalties, tol=1e-7, irls_tol=1e-7, early_exit=False, progress_bar=False
    )
    return state.betas.toarray(), np.asarray(state.intercepts)


def skglm_path(X: NDArray, y: NDArray, penalties: NDArray, l1_ratio: float) -> Answer:
    """skglm: one solve per penalty, each from the one before."""
    from skglm.datafits import Poisson
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import ProxNewton
    from skglm.utils.jit_compilation import compiled_clone

    solver, loss = ProxNewton(tol=1e-5, fit_intercept=True, max_iter=100), compiled_clone(Poisson())
    found = np.append(np.zeros(X.shape[1]), np.log(y.mean()))
    image, answers = np.full(len(y), found[-1]), []
    for penalty in penalties:
        found = solver.solve(X, y, loss, compiled_clone(L1_plus_L2(penalty, l1_ratio)), found, image)[0]
        image = X @ found[:-1] + found[-1]
        answers.append(found.copy())
    return np.array(answers)[:, :-1], np.array(answers)[:, -1]


def nemos_ridge(X: NDArray, Y: NDArray, penalties: NDArray, allowed: NDArray) -> Answer:
    """nemos: sum over units of the mean loss + strength / 2 |b|^2; coefficients (unit, feature) of units at once."""
    import jax
    import nemos

    model = nemos.glm.PopulationGLM(
        observation_model="Poisson",
        inverse_link_function=jax.numpy.exp,
        regularizer="Ridge",
        regularizer_strength=penalties[0],
        solver_name="LBFGS",
        solver_kwargs={"tol": 1e-4, "maxiter": 2000},
        feature_mask=allowed.T.astype(np.float64),
    ).fit(X, Y)
    return np.asarray(model.coef_).T, np.asarray(model.intercept_)


RIDGE, PATH = "ridge", "elastic-net path"
PEERS = (
    Peer(
        "scikit-learn newton-cholesky", "sklearn", RIDGE, sklearn_ridge("newton-cholesky", 1e-4), "tol 1e-4", order="F"
    ),
    Peer(
        "scikit-learn newton-cholesky, float32",
        "sklearn",
        RIDGE,
        sklearn_ridge("newton-cholesky", 1e-4),
        "tol 1e-4",
        dtype=np.float32,
        order="F",
    ),
    Peer("scikit-learn lbfgs", "sklearn", RIDGE, sklearn_ridge("lbfgs", 1e-5), "tol 1e-5"),
    Peer("scikit-learn lbfgs, float32", "sklearn", RIDGE, sklearn_ridge("lbfgs", 1e-5), "tol 1e-5", dtype=np.float32),
    Peer("glum irls-ls", "glum", RIDGE, glum_ridge, "gradient_tol 1e-3"),
    Peer("glum irls-ls, float32", "glum", RIDGE, glum_ridge, "gradient_tol 1e-3", np.float32, "F"),
    Peer("statsmodels fit_regularized", "statsmodels", RIDGE, statsmodels_ridge, "its defaults", sizes=("tiny", "S")),
    Peer("nemos PopulationGLM LBFGS", "nemos", RIDGE, nemos_ridge, "tol 1e-4, compilation timed", jointly=10),
    Peer("adelie grpnet", "adelie", PATH, adelie_path, "tol 1e-7, irls_tol 1e-7", order="F"),
    Peer("adelie grpnet, float32", "adelie", PATH, adelie_path, "tol 1e-7, irls_tol 1e-7", np.float32, "F"),
    Peer("glum irls-cd", "glum", PATH, glum_path, "gradient_tol 1e-4"),
    Peer("skglm ProxNewton", "skglm", PATH, skglm_path, "tol 1e-5", order="F", sizes=("tiny", "S", "M")),
)
NOT_RUN = {
    "statsmodels": "ridge beyond S, for its time; elastic net: 5 to 6 s per unit and penalty at S, 1e-4 off",
    "nemos": "elastic net, by proximal gradients: 2 to 3 s per unit and penalty at S, compilation included",
    "skglm": "beyond M, for its time",
}


def installed(asked: list[str]) -> tuple[list[str], list[str]]:
    """Those of the packages asked for that can be imported, and those that cannot."""
    there = [name for name in asked if importlib.util.find_spec(name)]
    return there, [name for name in asked if name not in there]


def warm_up(peer: Peer) -> None:
    """Import and compile what does not depend on the size of the work, on something small."""
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((300, 4)), dtype=peer.dtype, order=peer.order)
    Y = rng.poisson(0.5, (300, 2)).astype(peer.dtype)
    penalties = np.array([0.1, 0.05])[: 1 if peer.job == RIDGE else 2]
    if peer.jointly:
        peer.fit(X, Y, penalties, np.ones((2, 4), dtype=bool))
    else:
        peer.fit(X, Y[:, 0].copy(), penalties, 0.95)


def fit_peer(peer: Peer, work: Work, units: list[int], penalties: NDArray, l1_ratio: float, clock: Clock) -> Answers:
    """Coefficients (unit, penalty, feature), intercepts (unit, penalty) and seconds of CPU for all the units."""
    coef = np.zeros((len(units), len(penalties), work.X.shape[1]))
    intercept, seconds = np.zeros((len(units), len(penalties))), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up(peer)
        if peer.jointly:
            X, Y = work.X.astype(np.float64), work.Y[:, units].astype(np.float64)
            found, seconds = clock(lambda: peer.fit(X, Y, penalties[:, 0], work.allowed[units]))
            coef[:, 0], intercept[:, 0] = found[0], found[1]
            return coef, intercept, seconds
        for place, unit in enumerate(units):
            X = np.asarray(work.X[:, work.allowed[unit]], dtype=peer.dtype, order=peer.order)
            y, own = work.Y[:, unit].astype(peer.dtype), penalties[:, unit].astype(np.float64)
            (found, intercept[place]), took = clock(lambda X=X, y=y, own=own: peer.fit(X, y, own, l1_ratio))
            coef[place][:, work.allowed[unit]] = found
            seconds += took
    return coef, intercept, seconds
