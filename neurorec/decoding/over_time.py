"""Decoding against time for every area of a recording."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurorec.decoding.accuracy import Measure, chance_level, condition_accuracy
from neurorec.decoding.decoder import Decoded, DecoderName, decode_windows, make_folds
from neurorec.decoding.windows import cut_windows
from neurorec.recording import InputError, SelectionError, first_offenders


def decode_over_time(
    recording: xr.Dataset,
    target: str | ArrayLike,
    *,
    event: str | ArrayLike = "start",
    window: tuple[float, float] = (0.0, 0.4),
    width: float | None = None,
    step: float | None = None,
    areas: Sequence[str] | None = None,
    within: str | ArrayLike | None = None,
    min_units: int = 5,
    n_units: int | None = None,
    n_draws: int = 20,
    n_folds: int = 5,
    folds: ArrayLike | None = None,
    decoder: DecoderName = "lda",
    rng: np.random.Generator,
) -> xr.Dataset:
    """Decode a column of the trial table from each area, in each time window by itself, on held-out trials.

    Whole trials are held out, the same ones in all windows and areas. Windows are trailing (see `cut_windows`): `time`
    is where a window ends. See `decode_windows` for the decoders. Random folds do not protect from a slow drift of
    rates where the target drifts too (blocks of trials of one side): give contiguous `folds`, and look at the
    accuracy *before* the stimulus can have arrived, which should be at chance.

    One decoder for easy and hard trials serves the group that is informative first badly, since half of what it learns
    from is still noise, and the later group well: solution times then differ by too little (in simulations by 6 to 11
    of 30 ms where the information rises slowly). With `within` each group has a decoder of its own.

    Parameters
    ----------
    recording : xarray.Dataset
        A recording with trials.
    target : str or array_like (trial,)
        Column with the class of each trial, or the classes; trials where it is missing (NaN, ``""``) take no part.
    event : str or array_like (trial,)
        What time is counted from: a column of times, or times, s.
    window, width, step
        Where, how long and how far apart the windows are, s; by default every bin from 0 to 0.4 s.
    areas : sequence of str, optional
        By default all that are known and have at least `min_units` units (``""`` and ``"root"`` are not areas).
    within : str or array_like (trial,), optional
        Column with groups of trials, each of which is decoded by itself, in training as in testing; trials where it is
        missing take no part. Every group needs all classes; a smaller group has fewer trials to learn from.
    min_units : int
        Units below which an area is left out.
    n_units : int, optional
        Decode every area from random subsets of so many units, so that areas can be compared; smaller areas are left
        out. By default from all.
    n_draws : int
        Subsets, where `n_units` is given.
    n_folds : int
        Random folds with classes in proportion, unless `folds` are given.
    folds : array_like of int (trial,), optional
        Given folds.
    decoder : {"lda", "logistic"}
        See `decode_windows`.
    rng : numpy.random.Generator
        Folds and subsets.

    Returns
    -------
    xarray.Dataset
        ``probability (area, trial, time)`` of the true class and ``correct (area, trial, time)``, both held out, the
        latter 0 or 1 (a share where several draws or ties are averaged); ``chosen (area, trial, time, class)``;
        ``true_class (trial)`` as a row of ``class``, -1 where missing; ``fold (trial)``; ``n_units (area)`` used; the
        trial columns; attrs ``chance``, ``width`` (s), ``decoder``.

    Raises
    ------
    SelectionError
        No area with enough units, or no such column.
    InputError
        As `decode_windows` and `cut_windows`.

    References
    ----------
    Kar et al. 2019, https://doi.org/10.1038/s41593-019-0392-5

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> recording = simulate_delays({"easy": 0.1}, rng=np.random.default_rng(0))
    >>> decoded = decode_over_time(recording, "stimulus", window=(0, 0.3), rng=np.random.default_rng(1))
    >>> (decoded["correct"].mean("trial").sel(area="IT", time=[0.08, 0.2]).values > 0.8).tolist()
    [False, True]
    """
    if "trial" not in recording.sizes:
        raise SelectionError("recording", expected="trials", found="none", remedy="add them with add_trials")
    label, name = _labels(recording, target)
    group = np.zeros(label.size) if within is None else _labels(recording, within)[0]
    names = _areas(recording, areas, max(min_units, n_units or 0))
    cut = cut_windows(recording, event=event, window=window, width=width, step=step)
    present = _known(label) & _known(group)
    shared = np.asarray(-1 if folds is None else folds, dtype=np.int64) * np.ones(label.size, dtype=np.int64)
    if folds is None and present.any():
        pairs = np.array([f"{g} {x}" for g, x in zip(group[present], label[present], strict=True)])
        shared[present] = make_folds(np.unique(pairs, return_inverse=True)[1], n_folds, rng)
    options = {"folds": shared, "n_units": n_units, "n_draws": n_draws, "decoder": decoder, "rng": rng}
    found, sizes = [], []
    for area in names:
        units = recording["area"].values == area
        found.append(_decode_groups(cut.activity[..., units], label, group, present, options))
        sizes.append(int(units.sum()) if n_units is None else n_units)
    if not any(np.isfinite(one.probability).any() for one in found):
        expected = "two training trials or more of every class in some window that they were recorded in"
        remedy = "use fewer folds or units, another window, or leave rare classes out"
        raise SelectionError("trials", expected=expected, found="none", remedy=remedy)
    classes = found[0].classes
    true = np.where(found[0].fold >= 0, np.searchsorted(classes, np.where(present, label, classes[0])), -1)
    columns = {k: v for k, v in recording.data_vars.items() if v.dims == ("trial",)}
    result = xr.Dataset(
        {
            "probability": (("area", "trial", "time"), np.stack([d.probability for d in found])),
            "correct": (("area", "trial", "time"), np.stack([_correct(d.chosen, true) for d in found])),
            "chosen": (("area", "trial", "time", "class"), np.stack([d.chosen for d in found])),
            "true_class": ("trial", true),
            "fold": ("trial", np.where(true >= 0, found[0].fold, -1)),
            "n_units": ("area", sizes),
            **{k: v for k, v in columns.items() if k not in ("fold", "n_units", "true_class")},
        },
        coords={"area": names, "trial": recording["trial"].values, "time": cut.time, "class": classes},
    )
    result["time"].attrs.update(units="s", long_name="end of the window after the event")
    width = float(recording["activity"].attrs["bin_width"]) if width is None else float(width)
    result.attrs["within"] = "" if within is None else (within if isinstance(within, str) else "given")
    result.attrs.update(target=name, chance=1 / classes.size, width=width, decoder=decoder)
    return result


def accuracy_over_time(
    decoded: xr.Dataset, condition: str | ArrayLike | None = None, *, measure: Measure = "balanced"
) -> xr.Dataset:
    """Accuracy of every condition against time, by area.

    Parameters
    ----------
    decoded : xarray.Dataset
        From `decode_over_time`.
    condition : str or array_like (trial,), optional
        Column with the condition of each trial, or the conditions; missing ones are left out. By default one, "all".
    measure : {"balanced", "dprime"}
        See `condition_accuracy`.

    Returns
    -------
    xarray.Dataset
        ``accuracy (area, condition, time)``, ``n_trials (condition)`` decoded, and attrs ``chance`` and ``measure``.

    Examples
    --------
    >>> from neurorec.datasets import simulate_delays
    >>> rng = np.random.default_rng(0)
    >>> decoded = decode_over_time(simulate_delays(rng=rng), "stimulus", window=(0, 0.3), rng=rng)
    >>> accuracy = accuracy_over_time(decoded, "group")["accuracy"].sel(area="IT", time=0.12)
    >>> dict(zip(accuracy["condition"].values.tolist(), (accuracy.values > 0.8).tolist()))
    {'easy': True, 'hard': False}
    """
    label, names = condition_of(decoded, condition)
    code, n_classes = decoded["true_class"].values, decoded.sizes["class"]
    scores = [
        [condition_accuracy(chosen, code, label == name, measure=measure) for name in names]
        for chosen in decoded["chosen"].values
    ]
    result = xr.Dataset(
        {
            "accuracy": (("area", "condition", "time"), np.array(scores)),
            "n_trials": ("condition", [int(((label == name) & (code >= 0)).sum()) for name in names]),
        },
        coords={"area": decoded["area"].values, "condition": names, "time": decoded["time"]},
    )
    result.attrs.update(decoded.attrs | {"measure": measure, "chance": chance_level(n_classes, measure)})
    return result


def condition_of(decoded: xr.Dataset, condition: str | ArrayLike | None) -> tuple[NDArray[np.str_], list[str]]:
    """Condition of each trial as text, ``""`` where missing, and their names in order of appearance of sorted values.

    Examples
    --------
    >>> decoded = xr.Dataset({"contrast": ("trial", [1.0, 0.5, np.nan])})
    >>> label, names = condition_of(decoded, "contrast")
    >>> label.tolist(), names
    (['1.0', '0.5', ''], ['0.5', '1.0'])
    """
    if condition is None:
        return np.full(decoded.sizes["trial"], "all"), ["all"]
    values, _ = _labels(decoded, condition)
    known = _known(values)
    if not known.any():
        raise SelectionError("condition", expected="some condition", found="none", remedy="name another column")
    return np.where(known, values.astype(str), ""), [str(x) for x in np.unique(values[known])]


def _decode_groups(
    activity: NDArray, label: NDArray, group: NDArray, present: NDArray[np.bool_], options: dict[str, Any]
) -> Decoded:
    """Decode each group of trials by itself and put the answers side by side."""
    if not present.any():
        return decode_windows(activity[:0], label[:0], **options)  # says what is missing
    answers = {}
    for name in np.unique(group[present]):
        rows = np.flatnonzero(present & (group == name))
        part = decode_windows(activity[rows], label[rows], **(options | {"folds": options["folds"][rows]}))
        answers[name] = rows, part
    classes = np.unique(label[present])
    for name, (_, part) in answers.items():
        if part.classes.size != classes.size:
            raise InputError(
                "within",
                expected="all classes in every group",
                found=f"{part.classes} in {name}",
                remedy="leave it out",
            )
    probability = np.full(activity.shape[:2], np.nan)
    chosen = np.full((*activity.shape[:2], classes.size), np.nan)
    fold = np.full(label.size, -1, dtype=np.int64)
    for rows, part in answers.values():
        probability[rows], chosen[rows], fold[rows] = part.probability, part.chosen, part.fold
    return Decoded(probability, chosen, classes, fold)


def _known(values: NDArray) -> NDArray[np.bool_]:
    return np.array([x == x and x is not None and x != "" for x in values.tolist()], dtype=bool)


def _labels(data: xr.Dataset, column: str | ArrayLike) -> tuple[NDArray, str]:
    if not isinstance(column, str):
        values = np.asarray(column)
        if values.shape != (data.sizes["trial"],):
            raise InputError(
                "labels",
                expected=f"one per trial ({data.sizes['trial']})",
                found=f"shape {values.shape}",
                remedy="align them",
            )
        return values, "given"
    if column not in data or data[column].dims != ("trial",):
        columns = [str(k) for k, v in data.data_vars.items() if v.dims == ("trial",)]
        raise SelectionError(
            "column", expected=f"one of {first_offenders(columns)}", found=column, remedy="name a trial column"
        )
    return data[column].values, column


def _areas(recording: xr.Dataset, areas: Sequence[str] | None, least: int) -> list[str]:
    names, counts = np.unique(recording["area"].values.astype(str), return_counts=True)
    sizes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    wanted = [a for a in sizes if a not in ("", "root")] if areas is None else list(areas)
    kept = [a for a in wanted if sizes.get(a, 0) >= least]
    if areas is None and not wanted:
        remedy = "say where units are, or decode those of unknown area with areas=['']"
        raise SelectionError("areas", expected="units whose area is known", found="none", remedy=remedy)
    if not kept or (areas is not None and len(kept) < len(wanted)):
        raise SelectionError(
            "areas",
            expected=f"areas with at least {least} units",
            found=first_offenders(f"{a}: {sizes.get(a, 0)}" for a in wanted) or "none",
            remedy="ask for fewer units, or for other areas",
        )
    return kept


def _correct(chosen: NDArray[np.float64], true: NDArray[np.int64]) -> NDArray[np.float64]:
    own = np.take_along_axis(chosen, np.maximum(true, 0)[:, None, None], axis=2)[..., 0]
    return np.where((true >= 0)[:, None], own, np.nan)
