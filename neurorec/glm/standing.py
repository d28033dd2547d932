"""Where some units stand in their descent, and where a rule proposes to go from there."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neurorec.glm.team import Team


class Slope(NamedTuple):
    """The objective along a direction, as far as the penalty has a say, one value per row, in float64."""

    start: NDArray  # derivative of the objective at step 0
    linear: NDArray  # derivative of the penalty at step 0
    square: NDArray  # second derivative of the penalty
    longest: NDArray  # step allowed


class Pairs(NamedTuple):
    """A ring of curvature pairs per row; those of zeros say nothing, and new rows have no others."""

    s: NDArray  # (row, pair, packed) steps
    y: NDArray  # (row, pair, packed) change of the data part of the gradient over them
    sy: NDArray  # (row, pair) their products, in float64
    ss: NDArray  # (row, pair)
    order: NDArray  # (pair,) places in the ring, oldest first


class Point(NamedTuple):
    """Where some units stand, one row each."""

    units: NDArray  # (row,)
    penalty: NDArray  # (row,)
    B: NDArray  # (row, packed) coefficients
    G: NDArray  # (row, packed) data part of the gradient, 0 where masked
    least: NDArray  # (row,) smallest weighted second derivative of the loss of any bin


class Proposal(NamedTuple):
    """Where to go from there, one row each."""

    direction: NDArray  # (row, packed)
    slope: Slope


class Rule(Protocol):
    """Says how far units are from their minimum, and where to go."""

    def bound(self, point: Point, team: Team) -> NDArray[np.float64]:
        """A bound ``(row,)`` on the distance of the objective from its minimum."""
        ...

    def propose(self, point: Point, pairs: Pairs, team: Team) -> Proposal:
        """Say where to go."""
        ...
