"""One colour per area, the same in every figure of a study."""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr
from matplotlib.colors import to_hex, to_rgb
from numpy.typing import NDArray

# Ordered so that each next colour is as far as possible from those before it, in Oklab, for normal vision and for
# simulated deuteranopia and protanopia (Machado et al. 2009, https://doi.org/10.1109/TVCG.2009.113).
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#44AA99",
    "#5B1A4E",
    "#DDCC77",
    "#88CCEE",
    "#9C3A00",
    "#332288",
    "#E69F00",
    "#56B4E9",
    "#882255",
    "#AA4499",
    "#009E73",
    "#8FD3A5",
    "#00525C",
)
INK, MUTED, FAINT = "#22252A", "#6B7280", "#C9CDD3"
UNKNOWN = "area unknown"


def area_colours(areas: Iterable[str]) -> dict[str, str]:
    """Colour of each area.

    Parameters
    ----------
    areas : iterable of str
        Names, repeated or not, in any order. The colours depend on the set of names alone, so figures of the same
        areas agree; beyond fifteen areas colours recur, and the labels tell them apart.

    Returns
    -------
    dict of str to str
        Hexadecimal colour by name; grey for ``""``, the area that is not known.

    Examples
    --------
    >>> area_colours(["V1", "PPC", "V1"])
    {'PPC': '#0072B2', 'V1': '#D55E00'}
    """
    names = sorted({str(area) for area in areas})
    known = [name for name in names if name]
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(known)}
    return colours | ({"": MUTED} if "" in names else {})


def colours_for(data: xr.Dataset, colours: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the colours given, or those of the areas in the data."""
    return area_colours(data["area"].values.astype(str)) if colours is None else colours


def readable(colour: str) -> str:
    """Darken a colour until type set in it can be read on white: a contrast of 4.5, as WCAG 2 asks.

    Examples
    --------
    >>> readable("#0072B2"), readable("#DDCC77")
    ('#0072B2', '#7e7444')
    """
    shade = np.array(to_rgb(colour))
    while _contrast_on_white(shade) < 4.5:
        shade = 0.95 * shade
    return colour if np.array_equal(shade, to_rgb(colour)) else to_hex(tuple(shade.tolist()))


def _contrast_on_white(rgb: NDArray) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 1.05 / (float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05)


def area_name(area: str) -> str:
    """Say the area in a label: its name, or that it is not known."""
    return area or UNKNOWN
