"""The certified gap is never smaller than the true one, whatever the family, the penalty and the way to the minimum."""

import numpy as np
import pytest

from neurorec.glm import fit_population

FAMILIES = ["poisson", "bernoulli", "gaussian", "gamma", "negative_binomial"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n_times", "size"), [(40, 0.2), (150, 0.2)])  # 60 features: overfitted, and not
def test_ridge(simulate, objective, newton, null_half_deviance, family, n_times, size):
    X, Y = simulate(family, n_times=n_times, n_features=60, n_units=3, size=size)
    best = {}
    for penalty in (1e-5, 1e-2):
        for dtype in (np.float32, np.float64):
            for max_iter in (1, 2, 4, 10, 400):
                fit = fit_population(X.astype(dtype), Y, family=family, penalty=penalty, max_iter=max_iter)
                for unit, y in enumerate(Y.T):
                    key = penalty, unit, np.nan_to_num(fit.dispersion[unit])
                    if key not in best:
                        best[key] = newton(X, y, family, penalty * np.eye(60), dispersion=fit.dispersion[unit])
                reached = np.array([best[penalty, unit, np.nan_to_num(fit.dispersion[unit])] for unit in range(3)])
                minimum = fit._replace(coef=reached[:, 1:], intercept=reached[:, 0])
                excess = objective(X, Y, fit, family, penalty) - objective(X, Y, minimum, family, penalty)
                excess /= null_half_deviance(Y, family, fit.dispersion)
                assert (excess <= fit.gap * 1.01 + 2e-7).all()
                assert (fit.converged == (fit.gap <= 1e-6)).all()
            if penalty == 1e-2 or (dtype == np.float64 and n_times > 60):
                assert fit.converged.all()
                assert excess.max() < 1.2e-6


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_elastic_net(simulate, objective, null_half_deviance, family, l1_ratio):
    X, Y = simulate(family, n_times=60, n_features=40, n_units=3, size=0.3)
    for penalty in (2e-3, 5e-2):
        options = {"family": family, "penalty": penalty, "l1_ratio": l1_ratio}
        tight = fit_population(X, Y, tol=1e-11, max_iter=2000, **options)
        for dtype in (np.float32, np.float64):
            for max_iter in (1, 2, 4, 10, 400):
                fit = fit_population(X.astype(dtype), Y, max_iter=max_iter, **options)
                same = np.isclose(fit.dispersion, tight.dispersion, rtol=1e-9) | (family != "negative_binomial")
                best = objective(X, Y, tight, family, penalty, l1_ratio=l1_ratio)
                excess = (objective(X, Y, fit, family, penalty, l1_ratio=l1_ratio) - best)[same]
                excess /= null_half_deviance(Y, family, tight.dispersion)[same]
                assert (excess <= fit.gap[same] * 1.01 + 2e-7).all()
            certifiable = dtype == np.float64 or l1_ratio < 1  # a lasso's dual point asks for more digits
            if penalty == 5e-2 and certifiable:
                assert fit.converged.all()
            assert (excess < 1e-4).all()
