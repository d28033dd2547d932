"""Colours: stable, distinct, and apart for colour-blind readers."""

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

from neurorec.plot import area_colours
from neurorec.plot.palette import COLOURS

# Machado et al. 2009, severity 1, on linear RGB.
_DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
_PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
_TO_LMS = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
_TO_LAB = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]


def _oklab(colour: str, deficiency) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(deficiency) @ linear, 0, 1)
    return np.array(_TO_LAB) @ np.cbrt(np.array(_TO_LMS) @ seen)


def test_colours_depend_on_the_set_of_names_alone():
    assert area_colours(["b", "a", "b"]) == area_colours(["a", "b"])
    assert list(area_colours(["", "a"])) == ["a", ""]
    assert len(set(area_colours(map(str, range(15))).values())) == 15
    assert len(area_colours(map(str, range(40)))) == 40


def test_the_first_colours_are_apart_for_every_reader():
    for deficiency in (np.eye(3), _DEUTERANOPIA, _PROTANOPIA):
        places = [_oklab(colour, deficiency) for colour in COLOURS]
        assert min(np.linalg.norm(a - b) for a, b in combinations(places[:6], 2)) > 0.12
        assert min(np.linalg.norm(a - b) for a, b in combinations(places, 2)) > 0.05
