"""Saved models: what comes back is what was saved, and what cannot be is refused."""

import os

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError

from neurorec.glm import PopulationGLM, PopulationGLMCV, fit_population
from neurorec.glm.saving import FORMAT, load_model, model_from_dataset, model_to_dataset, save_model
from neurorec.io import load_dataset, save_dataset
from neurorec.recording import FileError, InputError, recording_from_arrays


def same(found, expected):
    """Of one type and, for arrays, of one dtype and all the same bits."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert found.flags.c_contiguous == expected.flags.c_contiguous
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            same(*pair)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    else:
        assert found == expected or (found != found and expected != expected)


def check(model, X, path, **labels):
    back = load_model(save_model(model, path, **labels))
    assert type(back) is type(model)
    same(back.get_params(), model.get_params())
    learned = {name for name in vars(model) if name.endswith("_")}
    assert {name for name in vars(back) if name.endswith("_")} == learned | {"labels_"}
    for name in learned - {"labels_"}:
        same(getattr(back, name), getattr(model, name))
    same(back.predict(X), model.predict(X))
    return back


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_models_come_back(simulate, tmp_path, family, dtype):
    X, Y = simulate(family)
    X = X.astype(dtype)
    back = check(PopulationGLM(family=family, tol=1e-5).fit(X, Y), X, tmp_path / "model.nc")
    assert back.coef_.dtype == dtype
    assert os.listdir(tmp_path) == ["model.nc"]


def test_cross_validated_ones_too(simulate, tmp_path):
    X, Y = simulate()
    check(PopulationGLMCV(penalties=[np.inf, 0.1]).fit(X, Y), X, tmp_path / "model.nc")
    check(PopulationGLMCV(n_folds=3).fit(X, Y), X, tmp_path / "model.nc")
    dataset = load_dataset(tmp_path / "model.nc")
    assert dataset["deviance"].dims == ("fold", "penalty", "unit")
    assert dataset["chosen_penalty"].dims == ("unit",)
    assert dataset["deviance"].sel(penalty=0.1).dims == ("fold", "unit")


@pytest.mark.parametrize(
    "parameters",
    [
        {"penalty": np.array([0.1, np.inf, 1e-3, 1.0, 2.0])},
        {"penalty": np.array([0.1, np.inf, 1e-3, 1.0, 2.0], dtype=np.float32)},
        {"penalty": [0.1, float("inf"), 1, 1.0, 2]},
        {"penalty": np.inf, "tol": np.float32(1e-5), "max_iter": np.int32(70)},
        {"penalty": np.array(0.1), "max_iter": 50},
    ],
)
def test_parameters_keep_their_types(simulate, tmp_path, parameters):
    X, Y = simulate()
    check(PopulationGLM(**parameters).fit(X, Y), X, tmp_path / "model.nc")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        {"a": [1, (2.5, None)], "b": np.arange(3)},
        np.array(["one", "zwei"]),
        np.array(["one", "zwei"], dtype=object),
        (np.eye(2), np.asfortranarray(np.ones((2, 3)))),
        float("nan"),
        "µ\n",
        np.bool_(True),
        np.zeros((0, 3)),
        [0.1] * 20_000,
    ],
)
def test_any_plain_value(simulate, tmp_path, value):
    X, Y = simulate()
    model = PopulationGLM().fit(X, Y)
    model.max_iter = value
    model.extra_ = value
    back = load_model(save_model(model, tmp_path / "model.nc"))
    same(back.max_iter, value)
    same(back.extra_, value)


def test_layout_in_memory_is_kept(simulate, tmp_path):
    X, Y = simulate(n_features=40, n_units=30)
    model = PopulationGLM(penalty=0.5).fit(X, Y)
    model.coef_ = np.asfortranarray(model.coef_)
    check(model, X, tmp_path / "model.nc")


def test_one_response_and_labels_of_a_frame(simulate, tmp_path):
    X, Y = simulate()
    frame = pd.DataFrame(X, columns=[f"x{place}" for place in range(6)])
    back = check(PopulationGLM().fit(frame, Y[:, 0]), frame, tmp_path / "model.nc", unit=["left 7"])
    assert back.predict(frame).shape == (300,)
    dataset = load_dataset(tmp_path / "model.nc")
    assert dataset["feature"].values.tolist() == list(frame.columns)
    assert float(dataset["coef"].sel(unit="left 7", feature="x2")) == back.coef_[0, 2]


def test_labels_are_kept_with_what_they_bring(simulate, tmp_path):
    X, Y = simulate()
    recording = recording_from_arrays(Y, bin_width=0.01, area=["V1", "V1", "PPC", "", "PPC"])
    model = PopulationGLM().fit(X, Y)
    back = check(model, X, tmp_path / "one.nc", unit=recording["unit"], feature=list("abcdef"))
    assert back.labels_["unit"]["area"].values.tolist() == recording["area"].values.tolist()
    assert not hasattr(back, "feature_names_in_")
    again = check(back, X, tmp_path / "two.nc")
    xr.testing.assert_identical(load_dataset(tmp_path / "one.nc"), load_dataset(tmp_path / "two.nc"))
    assert again.labels_["feature"].values.tolist() == list("abcdef")


def test_a_fit_without_an_estimator(simulate, tmp_path):
    X, Y = simulate()
    fit = fit_population(X, Y)
    back = load_model(save_model(fit, tmp_path / "fit.nc"))
    same(back._asdict(), fit._asdict())


def test_the_dataset_can_be_read_by_itself(simulate):
    X, Y = simulate()
    model = PopulationGLM().fit(X, Y)
    dataset = model_to_dataset(model)
    assert dataset["coef"].dims == ("unit", "feature")
    for name in ("intercept", "gap", "n_iter", "converged"):
        assert dataset[name].dims == ("unit",)
    assert dataset["unit"].values.tolist() == [0, 1, 2, 3, 4]
    assert dataset.attrs["model"] == "PopulationGLM"
    assert {"neurorec_version", "numpy_version", "scikit_learn_version"} <= set(dataset.attrs)
    model_from_dataset(dataset).coef_[:] = 0
    assert (dataset["coef"] != 0).any()
    dataset["coef"][:] = 0
    assert model.coef_.any()


def test_what_cannot_be_saved(simulate, tmp_path):
    X, Y = simulate()
    path = tmp_path / "model.nc"
    with pytest.raises(NotFittedError):
        save_model(PopulationGLM(), path)
    model = PopulationGLM().fit(X, Y)
    with pytest.raises(InputError, match=r"unit: expected \(5,\) numbers or strings, found <U1 \(2,\)"):
        save_model(model, path, unit=["a", "b"])
    with pytest.raises(InputError, match="write tuples as text"):
        save_model(model, path, unit=pd.MultiIndex.from_product([["a"], range(5)]))
    model.tol = print
    with pytest.raises(InputError, match=r"parameter_tol: expected numbers, .* found builtin_function_or_method"):
        save_model(model, path)
    with pytest.raises(InputError, match="model: expected one of PopulationGLM"):
        save_model({"coef": 1}, path)
    with pytest.raises(InputError, match="one penalty of a path at a time"):
        save_model(fit_population(X, Y)._replace(coef=np.zeros((2, 5, 6))), path)
    assert not path.exists()


def test_wrong_files(simulate, tmp_path):
    X, Y = simulate()
    dataset = model_to_dataset(PopulationGLM().fit(X, Y))
    with pytest.raises(FileError, match="nothing at this path"):
        load_model(tmp_path / "absent.nc")
    other = save_dataset(xr.Dataset({"x": 1}), tmp_path / "other.nc")
    with pytest.raises(FileError, match=r"other\.nc: expected a dataset of a fitted model .* found a dataset without"):
        load_model(other)
    later = save_dataset(dataset.assign_attrs(format=FORMAT + 1, neurorec_version="9.9"), tmp_path / "later.nc")
    with pytest.raises(FileError, match=r"format 2, written by neurorec 9\.9; update neurorec"):
        load_model(later)
    partial = save_dataset(dataset.drop_vars("coef"), tmp_path / "partial.nc")
    with pytest.raises(FileError, match="expected all that a saved model needs, found KeyError"):
        load_model(partial)
    (tmp_path / "text.nc").write_text("no")
    with pytest.raises(FileError, match="a netCDF file"):
        load_model(tmp_path / "text.nc")
