"""What is given: numbers, counts and arrays as they are needed, and a line that says why others are refused."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.recording.errors import InputError


def plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's; whatever else is left as it is.

    Examples
    --------
    >>> plain(np.int64(3)), plain("three")
    (3, 'three')
    """
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def are_numbers(*values: Any) -> bool:
    """Whether all values are finite numbers; truth values are none.

    Examples
    --------
    >>> are_numbers(1, np.float32(0.5)), are_numbers(1, "2"), are_numbers(np.nan)
    (True, False, False)
    """
    values = tuple(map(plain, values))
    return all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values)


def check_number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    unit: str = "",
    remedy: str = "see its default",
) -> float:
    """Return a finite number within its bounds.

    Parameters
    ----------
    name : str
        What it is called.
    value : object
        What was given.
    above, least, below, most : float
        Bounds, of which `above` and `below` do not belong to what is allowed.
    unit : str
        Of the number, for the message.
    remedy : str
        What can be done.

    Returns
    -------
    float
        A number of Python's; whole numbers stay whole.

    Raises
    ------
    InputError
        For what is no number, is not finite, or lies outside.

    Examples
    --------
    >>> check_number("leak", np.float32(0.5), above=0, most=1)
    0.5
    >>> check_number("leak", "half", above=0, most=1)
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: leak: expected a finite number, above 0, at most 1, found 'half'; ...
    """
    number = plain(value)
    if are_numbers(number) and above < number < below and least <= number <= most:
        return number
    bounds = {"above {}": above, "{} or more": least, "below {}": below, "at most {}": most}
    said = ", ".join(text.format(f"{bound:g}") for text, bound in bounds.items() if math.isfinite(bound))
    kind = "" if are_numbers(number) else "a finite number"
    expected = ", ".join(part for part in (kind, said) if part) + (f" ({unit})" if unit else "")
    raise InputError(name, expected=expected, found=_shown(value), remedy=remedy)


def check_count(name: str, value: Any, *, least: int = 1, most: float = math.inf, remedy: str = "count again") -> int:
    """Return a whole number within its bounds, 4.0 as 4.

    Examples
    --------
    >>> check_count("n_units", 1e3)
    1000
    >>> check_count("n_units", 2.5)
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: n_units: expected a whole number, 1 or more, found 2.5; count again
    """
    number = plain(value)
    whole = are_numbers(number) and number == int(number)
    if whole and least <= number <= most:
        return int(number)
    bound = f"{least} or more" if math.isinf(most) else f"{least} to {most:g}"
    expected = bound if whole else f"a whole number, {bound}"
    raise InputError(name, expected=expected, found=_shown(value), remedy=remedy)


def check_array(
    name: str, values: ArrayLike, axes: str, *, remedy: str = "give a row for each of the first"
) -> NDArray:
    """Numbers as an array of float64; shape and values are left to whoever asks.

    Raises
    ------
    InputError
        For text, rows of unequal lengths, and complex numbers.

    Examples
    --------
    >>> check_array("states", [[1, 2], [3]], "(time, unit)")
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: states: expected numbers (time, unit), found rows of unequal lengths; ...
    """
    try:
        found = np.asarray(values)
    except ValueError:
        found, what = np.empty(0, dtype=object), "rows of unequal lengths"
    else:
        what = f"{type(values).__name__} of {found.dtype}"
    if found.dtype.kind not in "biuf":
        raise InputError(name, expected=f"numbers {axes}", found=what, remedy=remedy)
    return found.astype(float, copy=False)


def check_rng(rng: Any) -> np.random.Generator:
    """Return a random generator; refuse seeds, and generators of the old kind.

    Examples
    --------
    >>> check_rng(0)
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: rng: expected a numpy.random.Generator, found 0; ...
    """
    if isinstance(rng, np.random.Generator):
        return rng
    remedy = f"numpy.random.default_rng({rng if isinstance(rng, int) else 0}) makes one"
    raise InputError("rng", expected="a numpy.random.Generator", found=_shown(rng), remedy=remedy)


def _shown(value: Any) -> str:
    """A value in a line."""
    text = " ".join(repr(plain(value)).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
