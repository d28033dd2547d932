"""Figures: labelled data in, axes out; one function each, all of them `(data, *, ax=None) -> Axes`."""

from neurorec.plot.areas import benefit_by_area
from neurorec.plot.comparing import controls
from neurorec.plot.intervals import Interval, median_interval
from neurorec.plot.lags import benefit_against_lag
from neurorec.plot.overview import population_rate, raster
from neurorec.plot.palette import area_colours
from neurorec.plot.rates import rates_by_area
from neurorec.plot.scatter import uncoupled_against_coupled

__all__ = [
    "Interval",
    "area_colours",
    "benefit_against_lag",
    "benefit_by_area",
    "controls",
    "median_interval",
    "population_rate",
    "raster",
    "rates_by_area",
    "uncoupled_against_coupled",
]
