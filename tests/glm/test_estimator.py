"""The estimators: scikit-learn's contract, and saying what did not converge."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from neurorec.glm import PopulationGLM, PopulationGLMCV, choose_penalty, fit_population, fraction_deviance_explained

EXCEPTIONS = {
    "check_n_features_in_after_fitting": "responses are Y (time, unit), and the check passes the keyword y",
    "check_sample_weight_equivalence_on_dense_data": "the same",
    "check_array_api_input": "numpy only",
}
FOLDS = {"check_fit2d_1sample": "one bin cannot be cut into folds, which the message says in other words"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        PopulationGLM(family="gaussian"),
        PopulationGLM(),
        PopulationGLM(l1_ratio=0.5),
        PopulationGLMCV(family="gaussian", n_folds=2),
    ],
    expected_failed_checks=lambda estimator: EXCEPTIONS | (FOLDS if isinstance(estimator, PopulationGLMCV) else {}),
)
def test_the_contract(estimator, check):
    check(estimator)


def test_it_is_fit_population(simulate):
    X, Y = simulate()
    model = PopulationGLM(penalty=0.02).fit(X, Y)
    fit = fit_population(X, Y, penalty=0.02)
    np.testing.assert_array_equal(model.coef_, fit.coef)
    np.testing.assert_array_equal(model.gap_, fit.gap)
    assert model.converged_.all()
    assert model.score(X, Y) == pytest.approx(np.mean(fraction_deviance_explained(Y, model.predict(X))))
    assert clone(model).get_params() == model.get_params()


def test_units_that_do_not_converge_are_said(simulate):
    X, Y = simulate(n_features=40)
    with pytest.warns(ConvergenceWarning, match=r"5 of 5 units did not converge \(units 0, 1, 2, 3, 4; .*max_iter"):
        PopulationGLM(penalty=1e-4, max_iter=1).fit(X, Y)


def test_cross_validation_chooses_then_fits(simulate):
    X, Y = simulate(n_times=600)
    folds = np.arange(600) // 30 % 4
    folds[:60] = -1
    model = PopulationGLMCV(penalties=[1.0, 0.1, 0.01]).fit(X, Y, folds=folds)
    choice = choose_penalty(X, Y, folds, [1.0, 0.1, 0.01])
    np.testing.assert_array_equal(model.penalty_, choice.penalty)
    np.testing.assert_array_equal(model.deviance_, choice.deviance)
    used = folds >= 0
    np.testing.assert_allclose(model.coef_, fit_population(X[used], Y[used], penalty=choice.penalty).coef, atol=1e-2)


def test_offsets_reach_the_prediction(simulate):
    X, Y = simulate()
    offset = np.full(Y.shape, 2.0)
    model = PopulationGLM(penalty=0.02).fit(X, Y, offset=offset)
    plain = PopulationGLM(penalty=0.02).fit(X, Y)
    np.testing.assert_allclose(model.predict(X, offset=offset), plain.predict(X), rtol=1e-6)


@pytest.mark.parametrize("family", ["poisson", "gamma", "negative_binomial"])
def test_pipelines_and_frames(simulate, family):
    X, Y = simulate(family)
    X = 5 + 3 * X
    plain = PopulationGLM(family=family, penalty=0.02).fit((X - X.mean(axis=0)) / X.std(axis=0), Y)
    pipe = make_pipeline(StandardScaler(), PopulationGLM(family=family, penalty=0.02))
    frame = pd.DataFrame(X, columns=list("abcdef"))
    found = clone(pipe).fit(frame, Y)
    np.testing.assert_allclose(found[-1].coef_, plain.coef_, atol=1e-6)
    named = PopulationGLM(family=family, penalty=0.02).fit(frame, pd.DataFrame(Y))
    assert named.feature_names_in_.tolist() == list("abcdef")
    np.testing.assert_allclose(named.predict(frame), named.predict(frame.astype(float)))
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame[list("bacdef")])


def test_a_grid_of_penalties(simulate):
    X, Y = simulate()
    grid = GridSearchCV(PopulationGLM(), {"penalty": [10.0, 0.01], "l1_ratio": [0.0, 0.5]}, cv=3).fit(X, Y)
    assert grid.best_params_["penalty"] == 0.01


@pytest.mark.parametrize("options", [{"l1_ratio": 0.8}, {"penalty_weight": np.arange(1, 7.0)}, {"family": "gaussian"}])
def test_settings_reach_the_fit(simulate, options):
    X, Y = simulate()
    model = clone(PopulationGLM(penalty=0.05, n_jobs=1, **options)).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, fit_population(X, Y, penalty=0.05, n_jobs=1, **options).coef)
    cross = clone(PopulationGLMCV(penalties=[0.05], n_jobs=1, **options)).fit(X, Y)
    np.testing.assert_allclose(cross.coef_, model.coef_, atol=2e-2)
