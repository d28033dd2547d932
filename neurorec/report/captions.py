"""Captions of the figures of Runyan et al. 2017."""

import xarray as xr

_PLANTED = {
    "explained_deviance": " Broken: the truth on the same trials, uncoupled (the true drive) and coupled (the true "
    "log odds), each with its intercept and slope fitted.",
    "coupling_index": " Diamonds: medians of the planted index, what the true log odds explain beyond the true drive. "
    "The same network was planted in both contexts; the index is larger where more drives it. Nothing was planted "
    "within a frame.",
    "lags": " Broken: the planted kernels, exp(-lag / memory), scaled to the largest median of the area.",
    "rate": " Hollow: the planted index of the same units. More events let more be learnt, so that what "
    "is found can follow the rate although what was planted does not.",
    "information": " Broken: a decoder that knows the true log odds, on the same activity; hollow: the same for units.",
    "consistency": " Broken: a decoder that knows the true drive. What is found beyond it is the fitted decoder’s own; "
    "likely (not tested) the pace of the run, which differs between trials and turns within one.",
}

_CAPTIONS = {
    "explained_deviance": (
        "Deviance explained without and with coupling. Cumulative distributions over units of the fraction of"
        " deviance explained in trials that were held out, by area and context."
    ),
    "coupling_index": (
        "Coupling index by area and context. Coupled minus uncoupled fraction of deviance explained. Dots: "
        "units; bars: medians of sessions; white circles: medians over units with distribution-free 95% "
        "intervals. Left: with the same frame, as in the paper; right: strictly causal."
    ),
    "subsamples": (
        "Coupling index in random subsamples of {n} units, {n_draws} per session (in the paper: 37 units, 100"
        " draws). Dots: median over the units of a draw; bars: medians over draws. Draws of a session share "
        "units, so only sessions are compared, by Wilcoxon’s rank sum. {tests}."
    ),
    "lags": (
        "Coupling against lag. The coupled model refitted with the filters of one lag alone; medians over "
        "units of all sessions with 95% intervals. Filters at long lags are wide. What a short kernel "
        "explains, neighbouring filters see as well."
    ),
    "rate": (
        "Coupling index against event rate, unit by unit, with Pearson’s r. The paper found r = -0.020 in AC "
        "and 0.007 in PPC."
    ),
    "information": (
        "Information about {column}. Top: populations, each frame alone and all frames so far, from coupled "
        "models; thin lines are sessions, thick ones their means. Below 0, the decoder is surer than it is "
        "right: over a whole trial, errors of the likelihoods of all units and frames add up. Bottom left: "
        "single units, whole trial; the line at {bits:g} bit parts those called informative. Bottom right: "
        "single units against the planted gain."
    ),
    "consistency": (
        "Consistency of the {column} code. Correlation over trials of one condition between the population’s "
        "log odds in one frame and in a later one, from uncoupled models (coupled ones take out what "
        "partners’ past predicts); thin lines are sessions, thick ones their means."
    ),
    "planted_input": (
        "Planted input against coupling index. Each unit’s standard deviation of the input of its partners in"
        " log odds, against the index found (dots, with Pearson’s r) and planted (hollow)."
    ),
}


def caption(
    name: str,
    *,
    planted: bool,
    column: str = "",
    code: xr.Dataset | None = None,
    n: int = 0,
    n_draws: int = 0,
    tests: str = "",
) -> str:
    """What a figure shows and how to read it.

    Parameters
    ----------
    name : str
        Of the figure; those of a trial column end in its name.
    planted : bool
        Whether the truth is drawn.
    column : str
        The trial column.
    code : xarray.Dataset, optional
        What activity says about it.
    n, n_draws : int
        Units of a subsample, and how many of these.
    tests : str
        The comparison of sessions.

    Returns
    -------
    str

    Examples
    --------
    >>> caption("consistency_choice", planted=False, column="choice").partition(".")[0]
    'Consistency of the choice code'
    """
    kind = name.removesuffix(f"_{column}") if column else name
    bits = 0.06 if code is None else float(code.attrs["informative_bits"])
    about = {
        "bits": bits,
        "n": n,
        "n_draws": n_draws,
        "tests": tests or "Here, areas have fewer than two sessions each, and are not compared",
    }
    text = _CAPTIONS[kind].format(column=f"the {column}" if kind == "information" else column, **about)
    return text + (_PLANTED.get(kind, "") if planted else "")
