"""Where some units stand in their descent, and where a rule proposes to go from there."""

from typing import NamedTuple, Protocol

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

    def keep(self, rows: NDArray) -> "Pairs":
        """The same for some of the rows."""
        return Pairs(self.s[rows], self.y[rows], self.sy[rows], self.ss[rows], self.order)


class Standing(NamedTuple):
    """Where some units stand, one row each."""

    units: NDArray  # (row,)
    penalty: NDArray  # (row,)
    B: NDArray  # (row, packed) coefficients
    G: NDArray  # (row, packed) data part of the gradient, 0 where masked
    pairs: Pairs

    def keep(self, rows: NDArray) -> "Standing":
        """The same for some of the rows."""
        return Standing(self.units[rows], self.penalty[rows], self.B[rows], self.G[rows], self.pairs.keep(rows))


class Proposal(NamedTuple):
    """Where to go from there, one row each."""

    direction: NDArray  # (row, packed)
    slope: Slope
    bound: NDArray  # (row,) on the distance of the objective from its minimum


class Rule(Protocol):
    """Makes a direction and a bound from where units stand."""

    def propose(self, standing: Standing, team: Team) -> Proposal:
        """Say where to go."""
        ...
