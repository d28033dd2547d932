"""Fitted models as labelled datasets, and in one netCDF file each."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from neurorec.glm.estimator import PopulationGLM, PopulationGLMCV
from neurorec.glm.population import PopulationFit
from neurorec.recording import FileError, InputError

FORMAT = 1
KINDS = {kind.__name__: kind for kind in (PopulationGLM, PopulationGLMCV, PopulationFit)}
Model = PopulationGLM | PopulationGLMCV | PopulationFit

CHOSEN = "chosen_penalty"  # what `penalty_` is called in a dataset, where `penalty` are those tried

# Axes by name; what is not listed gets axes named after itself.
DIMS = {
    "coef": ("unit", "feature"),
    "deviance": ("fold", "penalty", "unit"),
    "feature_names_in": ("feature",),
    CHOSEN: ("unit",),
} | dict.fromkeys(("intercept", "gap", "n_iter", "converged", "status", "dispersion"), ("unit",))
WRITERS = ("neurorec", "numpy", "scipy", "scikit-learn", "xarray")


def model_to_dataset(
    model: Model, *, unit: ArrayLike | xr.DataArray | None = None, feature: ArrayLike | xr.DataArray | None = None
) -> xr.Dataset:
    """Lay a fitted model out as a labelled dataset: what :func:`save_model` writes.

    Parameters
    ----------
    model : PopulationGLM, PopulationGLMCV or PopulationFit
        Fitted.
    unit : array_like or xarray.DataArray (unit,), optional
        Labels of the units; of a DataArray the coordinates along it are kept too (``recording["unit"]`` brings the
        areas). By default those of the file the model was loaded from, else 0, 1, ...
    feature : array_like or xarray.DataArray (feature,), optional
        Labels of the columns, likewise; by default those of the file, else ``feature_names_in_``, else 0, 1, ...

    Returns
    -------
    xarray.Dataset
        ``coef (unit, feature)``, ``intercept (unit,)`` and everything else that was learned, under its name without
        the underscore (but ``penalty_`` as ``chosen_penalty (unit,)``, where ``penalty`` are those tried);
        ``parameter_<name>`` for parameters that are arrays. In ``attrs``: the ``model``, its other
        ``parameters`` and learned values as JSON, and which versions of the packages wrote it.

    Raises
    ------
    InputError
        Where labels do not fit, or a parameter is something that a file cannot hold.
    sklearn.exceptions.NotFittedError
        Where the model is not fitted.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> model = PopulationGLM(family="gaussian").fit(X, X[:, :1])
    >>> dataset = model_to_dataset(model, unit=["a"], feature=["speed", "lick"])
    >>> float(dataset["coef"].sel(unit="a", feature="speed").round(1))
    1.0
    """
    kind, parameters, learned = _parts(model)
    labels = learned.pop("labels", {})
    n_units, n_features = np.shape(learned["coef"])
    if feature is None:
        feature = labels.get("feature", learned.get("feature_names_in"))
    coords = _coordinates("unit", labels.get("unit") if unit is None else unit, n_units)
    coords |= _coordinates("feature", feature, n_features)
    variables: dict[str, xr.Variable] = {}
    attrs: dict[str, str | int] = {"model": kind, "format": FORMAT}
    attrs["parameters"] = json.dumps(
        {name: _encoded(value, f"parameter_{name}", None, variables) for name, value in parameters.items()}
    )
    written = {name: CHOSEN if name == "penalty" else name for name in learned}
    attrs["learned"] = json.dumps(
        {name: _encoded(learned[name], new, DIMS.get(new), variables) for name, new in written.items()}
    )
    tried = np.asarray(parameters.get("penalties", np.nan))
    if "deviance" in variables and variables["deviance"].shape[1:2] == tried.shape:
        coords["penalty"] = xr.DataArray(tried, dims="penalty")
    for package in WRITERS:
        attrs[f"{package.replace('-', '_')}_version"] = version(package)
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def model_from_dataset(dataset: xr.Dataset) -> Model:
    """Restore a model from the dataset that :func:`model_to_dataset` made of it.

    Parameters
    ----------
    dataset : xarray.Dataset
        All of it: not a selection of units.

    Returns
    -------
    PopulationGLM, PopulationGLMCV or PopulationFit
        With the same parameters and learned values, in their types. An estimator also gets ``labels_``, a dict of the
        labels of ``unit`` and ``feature`` with the coordinates along them.

    Raises
    ------
    InputError
        Where the dataset holds no model, or one of a later format.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> model = PopulationGLM(family="gaussian").fit(X, X[:, :1])
    >>> same = model_from_dataset(model_to_dataset(model, unit=["a"]))
    >>> bool((same.predict(X) == model.predict(X)).all()), same.labels_["unit"].item()
    (True, 'a')
    """
    kind = dataset.attrs.get("model")
    if kind not in KINDS or "format" not in dataset.attrs:
        raise InputError(
            "model",
            expected=f"a dataset of a fitted model ({', '.join(KINDS)})",
            found="a dataset without one" if kind is None else repr(kind),
            remedy="give what save_model wrote, or model_to_dataset made",
        )
    if dataset.attrs["format"] > FORMAT:
        writer = dataset.attrs.get("neurorec_version", "a later version")
        raise InputError(
            "model",
            expected=f"format {FORMAT} or earlier",
            found=f"format {dataset.attrs['format']}, written by neurorec {writer}",
            remedy="update neurorec",
        )
    learned = {
        name: _decoded(value, name, dataset) for name, value in json.loads(str(dataset.attrs["learned"])).items()
    }
    if kind == "PopulationFit":
        return PopulationFit(**learned)
    parameters = json.loads(str(dataset.attrs["parameters"]))
    model = KINDS[kind](**{name: _decoded(value, f"parameter_{name}", dataset) for name, value in parameters.items()})
    for name, value in learned.items():
        setattr(model, f"{name}_", value)
    model.labels_ = {dim: dataset[dim].copy() for dim in ("unit", "feature")}
    return model


def save_model(
    model: Model,
    path: str | os.PathLike[str],
    *,
    unit: ArrayLike | xr.DataArray | None = None,
    feature: ArrayLike | xr.DataArray | None = None,
) -> Path:
    """Save a fitted model with its labels as one netCDF file, which any netCDF reader opens.

    Parameters
    ----------
    model, unit, feature
        As for :func:`model_to_dataset`, which says what the file holds.
    path : path
        Where to; an existing file is replaced at once when the new one is complete.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        Where labels do not fit, or a parameter is something that a file cannot hold.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> X = np.random.default_rng(0).standard_normal((50, 2))
    >>> model = PopulationGLM(family="gaussian").fit(X, X[:, :1])
    >>> path = save_model(model, mkdtemp() + "/model.nc", unit=["a"], feature=["speed", "lick"])
    >>> bool((load_model(path).predict(X) == model.predict(X)).all())
    True
    """
    from neurorec.io import save_dataset  # here: the front door also loads pynwb, almost a second

    return save_dataset(model_to_dataset(model, unit=unit, feature=feature), path)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Load a model that :func:`save_model` saved: it predicts the same, to the last bit.

    Parameters
    ----------
    path : path
        A netCDF file.

    Returns
    -------
    PopulationGLM, PopulationGLMCV or PopulationFit
        See :func:`model_from_dataset`.

    Raises
    ------
    FileError
        Where there is no such file, or it holds no model that this version can read.
    """
    from neurorec.io import load_dataset

    dataset = load_dataset(path)
    try:
        return model_from_dataset(dataset)
    except InputError as error:
        raise FileError(str(path), expected=error.expected, found=error.found, remedy=error.remedy) from error
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(
            str(path),
            expected="all that a saved model needs",
            found=f"{type(error).__name__}: {error}",
            remedy=f"save it again; it was written by neurorec {dataset.attrs.get('neurorec_version')}",
        ) from error


def _parts(model: Model) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Class, parameters and learned values of a model, the latter without their underscore."""
    kind = type(model).__name__
    if isinstance(model, PopulationFit):
        if np.ndim(model.coef) != 2:
            found, remedy = f"coefficients {np.shape(model.coef)}", "save one penalty of a path at a time"
            raise InputError("model", expected="a fit at one penalty", found=found, remedy=remedy)
        return kind, {}, model._asdict()
    if type(model) not in KINDS.values():
        raise InputError("model", expected=f"one of {', '.join(KINDS)}", found=kind, remedy="save what was fitted")
    check_is_fitted(model)
    learned = {name[:-1]: value for name, value in vars(model).items() if name.endswith("_") and name[0] != "_"}
    return kind, model.get_params(deep=False), learned


def _coordinates(dim: str, labels: Any, size: int) -> dict[str, xr.DataArray]:
    """Labels along a dimension, and whatever other coordinates they bring along it."""
    if isinstance(labels, xr.DataArray):
        brought = {str(name): values for name, values in labels.coords.items() if values.dims == labels.dims}
        brought = {name: values.values for name, values in brought.items() if name != labels.dims[0]} | {
            dim: labels.values
        }
    else:
        brought = {dim: np.arange(size) if labels is None else np.asarray(labels)}
    for name, values in brought.items():
        strings = values.dtype.kind == "O" and all(isinstance(value, str) for value in values)
        if values.shape != (size,) or (values.dtype.kind not in "biufU" and not strings):
            found = f"{values.dtype} {values.shape}"
            remedy = "give one label each; write tuples as text"
            raise InputError(name, expected=f"({size},) numbers or strings", found=found, remedy=remedy)
    return {
        name: xr.DataArray(values.astype(np.str_) if values.dtype.kind == "O" else values, dims=dim)
        for name, values in brought.items()
    }


def _encoded(value: Any, name: str, dims: tuple[str, ...] | None, variables: dict[str, xr.Variable]) -> Any:
    """Anything a model may hold, as JSON; arrays become variables, and dicts say what JSON has no word for."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, list | tuple):
        items = [_encoded(item, f"{name}_{place}", None, variables) for place, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encoded(item, f"{name}_{key}", None, variables) for key, item in value.items()}}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"scalar": value.item(), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray):
        kind = value.dtype.kind
        if kind in "biufU" or (kind == "O" and all(isinstance(item, str) for item in value.flat)):
            if dims is None or len(dims) != value.ndim:
                dims = tuple(f"{name}_{axis}" for axis in range(value.ndim))
            variables[name] = xr.Variable(dims, value.astype(np.str_) if kind == "O" else value.copy(order="K"))
            # The order of axes in memory decides the last bits of a product.
            order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            return {"array": name, "dtype": "O" if kind == "O" else value.dtype.str, "order": order}
    raise InputError(
        name,
        expected="numbers, strings, None, arrays, or lists, tuples and dicts of them",
        found=type(value).__name__,
        remedy="replace it before fitting a model that is to be saved",
    )


def _decoded(value: Any, name: str, dataset: xr.Dataset) -> Any:
    """What `_encoded` was given."""
    if isinstance(value, list):
        return [_decoded(item, name, dataset) for item in value]
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(_decoded(item, name, dataset) for item in value["tuple"])
    if "dict" in value:
        return {key: _decoded(item, name, dataset) for key, item in value["dict"].items()}
    if "scalar" in value:
        return np.dtype(value["dtype"]).type(value["scalar"])
    return _restored(dataset[value["array"]].values, value)


def _restored(values: NDArray, noted: dict[str, str]) -> NDArray:
    """An array in the type and order it had; a copy, so that the dataset and the model do not share it."""
    if noted["dtype"] == "O":
        return values.astype(object)
    return np.array(values, dtype=noted["dtype"], order="F" if noted["order"] == "F" else "C")
