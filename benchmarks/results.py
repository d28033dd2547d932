"""What was measured, as rows."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Ours:
    """A fit of all units by this package on one core."""

    size: str
    job: str
    design: str  # dense or lagged
    n_units: int
    seconds: float  # of CPU
    one_pass: float  # seconds
    n_iter: float  # passes per unit, mean, over the whole path
    n_iter_most: int
    gap: float  # worst, evaluated again
    own_gap: float  # worst, as the package says

    @property
    def per_unit(self) -> float:
        """Seconds."""
        return self.seconds / self.n_units

    @property
    def in_passes(self) -> float:
        """Seconds over those of a pass."""
        return self.seconds / self.one_pass


@dataclass
class Theirs:
    """A fit of a few units by another package."""

    size: str
    job: str
    name: str
    settings: str
    n_units: int
    per_unit: float  # seconds of CPU
    gap: float  # worst, against the best answer known
    ratio: float  # to ours


@dataclass
class Alone:
    """A fit in a process of its own."""

    size: str
    job: str
    design: str
    extra: dict[int, float]  # peak beyond the data by number of threads, over the size of the dense X
    seconds: dict[int, float]  # wall clock, by number of threads

    @property
    def speedup(self) -> float:
        """One thread over two."""
        return self.seconds[1] / self.seconds[2]


ALONG = "path, per penalty"


@dataclass
class Fold:
    """One further training fold, with the curvature that all folds share."""

    size: str
    start: str  # cold, warm or ALONG
    seconds: float
    in_passes: float
    n_iter: float
    n_iter_most: int
    gap: float


@dataclass
class Growth:
    """CPU seconds along one axis."""

    job: str
    along: str  # bins or units
    sizes: list[int]
    seconds: list[float]

    @property
    def exponent(self) -> float:
        """Slope of log seconds over log size."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


@dataclass
class Results:
    """Everything one run measured."""

    work: dict[str, str] = field(default_factory=dict)  # size: what it is
    left_out: list[str] = field(default_factory=list)
    ours: list[Ours] = field(default_factory=list)
    theirs: list[Theirs] = field(default_factory=list)
    alone: list[Alone] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
