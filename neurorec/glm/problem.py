"""One fitting problem, checked: a design, responses, weights and known parts, unit by unit."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorec.glm.designs import Design, MaskedDesign, as_design, check_finite, column_ranges
from neurorec.glm.dispersion import first_dispersion
from neurorec.glm.kernels.losses import moments, null_deviance
from neurorec.glm.losses import Family, family_of
from neurorec.glm.penalty import Penalty
from neurorec.glm.team import Team
from neurorec.recording import InputError, first_offenders

OUTSIDE = 10  # ranges of a column beyond which bins that no unit uses are left out, at the cost of a copy
MOST_BYTES = 1 << 23  # of float64 copies of some units' responses


class Problem(NamedTuple):
    """Everything a solver reads but the strength of the penalty."""

    design: MaskedDesign
    source: Design  # what the user gave, at the bins in use
    penalty: Penalty
    Y: NDArray  # (time, unit), as given
    weight: NDArray | None  # (time, unit) or (time, 1), mean 1 over time; None for equal weights
    offset: NDArray | None  # (time, unit)
    family: Family
    mean: NDArray  # (unit,) weighted mean response, NaN where a unit was never observed
    null: NDArray  # (unit,) weighted mean half-deviance from that mean, 0 where the unit is constant
    response_type: np.dtype  # of responses at work: counts take a byte
    dispersion: NDArray  # (unit,) a first guess for negative binomial responses, NaN for others

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.Y.shape[1]

    def weights(self, units: NDArray) -> NDArray:
        """Weights ``(row, time)`` of some units; (1, time) where all share them, (0, 0) for none, as loops take it."""
        dtype = self.design.dtype
        if self.weight is None:
            return np.empty((0, 0), dtype=dtype)
        chosen = self.weight if self.weight.shape[1] == 1 else self.weight[:, units]
        return np.ascontiguousarray(chosen.T, dtype=dtype)

    def responses(self, units: NDArray) -> NDArray:
        """Responses ``(row, time)`` of some units; those of weight 0, which may be missing, are made 1."""
        return self._cleaned(self.Y, units, 1.0, self.response_type)

    def offsets(self, units: NDArray) -> NDArray | None:
        """Offsets ``(row, time)`` of some units."""
        return None if self.offset is None else self._cleaned(self.offset, units, 0.0, self.design.dtype)

    def _cleaned(self, values: NDArray, units: NDArray, filling: float, dtype: np.dtype) -> NDArray:
        found = values[:, units].T
        if self.weight is not None:
            weight = self.weight if self.weight.shape[1] == 1 else self.weight[:, units]
            found = np.where(weight.T == 0, filling, found)
        return np.ascontiguousarray(found, dtype=dtype)


def build_problem(
    X: "ArrayLike | Design",
    Y: ArrayLike,
    *,
    family: str,
    penalty: Penalty,
    allowed: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    team: Team,
) -> Problem:
    """Check what the user gave. Nothing is copied but bins that no unit uses, where they hold no numbers.

    Parameters
    ----------
    X : array_like or Design (time, feature)
        Design, float32 or float64 (anything else becomes float64); all work is done in its type.
    Y : array_like (time, unit)
        Responses.
    family : str
        See :func:`neurorec.glm.fit_population`.
    penalty : Penalty
        From `build_penalty`.
    allowed : array_like of bool (unit, feature), optional
        Columns each unit may use.
    sample_weight : array_like (time,) or (time, unit), optional
        Non-negative weights; responses of weight 0 may be missing.
    offset : array_like (time, unit), optional
        Known part of the linear predictor.
    team : Team
        Threads.

    Returns
    -------
    Problem

    Raises
    ------
    InputError
        Where shapes disagree, a value is not finite or out of the family's range.
    """
    design, Y, weight, offset = check_shapes(X, Y, sample_weight, offset)
    lowest, highest = column_ranges(design, team)
    used = np.full(len(Y), True) if weight is None else np.asarray((weight > 0).any(axis=1))
    if not used.all():
        everywhere = np.array([lowest, highest])
        lowest, highest = column_ranges(design, team, used)
        if _upset(everywhere, lowest, highest):
            at = np.flatnonzero(used)
            design, Y, weight = design.on(at), Y[at], None if weight is None else weight[at]
            offset = None if offset is None else offset[at]
    check_finite(lowest, highest)
    if weight is not None:
        mass = weight.mean(axis=0, dtype=np.float64)
        weight = weight / np.where(mass > 0, mass, 1)
    kind = family_of(family)
    varies = penalty.kept(highest > lowest)  # beside a free intercept, other columns say nothing
    masked = MaskedDesign(
        penalty.design(design), _check_allowed(allowed, penalty, (Y.shape[1], varies.size)), Y.shape[1], varies
    )
    blank = np.full(Y.shape[1], np.nan)
    problem = Problem(masked, design, penalty, Y, weight, offset, kind, blank, blank, design.dtype, blank)
    return problem._replace(**_first_look(problem, team))


def _upset(everywhere: NDArray, lowest: NDArray, highest: NDArray) -> bool:
    """Whether bins that no unit uses hold what would spoil images and curvature even at weight 0."""
    room = OUTSIDE * (highest - lowest)
    inside = (everywhere[0] >= lowest - room) & (everywhere[1] <= highest + room)
    return bool((~inside & (room > 0)).any() or not np.isfinite(everywhere).all())


def check_shapes(
    X: "ArrayLike | Design", Y: ArrayLike, sample_weight: ArrayLike | None, offset: ArrayLike | None
) -> tuple[Design, NDArray, NDArray | None, NDArray | None]:
    """Design, responses, weights as (time, unit) or (time, 1), offset."""
    design, Y = as_design(X), np.asarray(Y)
    n_times = design.shape[0]
    if Y.ndim != 2 or len(Y) != n_times:
        raise InputError("Y", expected=f"({n_times}, unit)", found=str(Y.shape), remedy="match its bins to those of X")
    if Y.dtype.kind not in "biuf":
        Y = Y.astype(np.float64)
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight)
        weight = weight.astype(np.float32 if weight.dtype == bool else np.float64, copy=False)
        weight = weight[:, None] if weight.ndim == 1 else weight
        if weight.shape not in ((n_times, 1), Y.shape):
            raise InputError(
                "sample_weight",
                expected=f"({n_times},) or {Y.shape}",
                found=str(weight.shape),
                remedy="give one weight per bin, or per bin and unit",
            )
        if not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
            found = "a negative or missing one" if weight.any() else "every weight zero"
            raise InputError("sample_weight", expected="weights >= 0, some > 0", found=found, remedy="use 0 and 1")
    if offset is not None:
        offset = np.asarray(offset)
        if offset.shape != Y.shape:
            raise InputError("offset", expected=str(Y.shape), found=str(offset.shape), remedy="match it to Y")
    return design, Y, weight, offset


def _check_allowed(allowed: ArrayLike | None, penalty: Penalty, shape: tuple[int, int]) -> NDArray | None:
    if allowed is None:
        return None
    allowed = np.asarray(allowed)
    if allowed.shape != shape or allowed.dtype != bool:
        raise InputError(
            "allowed",
            expected=f"booleans {shape}, (unit, feature)",
            found=f"{allowed.dtype} {allowed.shape}",
            remedy="True where a unit may use a column",
        )
    here, there = penalty.tied()
    if (allowed[:, here] != allowed[:, there]).any():
        raise InputError(
            "allowed",
            expected="whole groups of columns, which smoothness ties together",
            found="groups allowed in part",
            remedy="allow all columns of a group or none, or leave out smoothness",
        )
    return allowed


def _first_look(problem: Problem, team: Team) -> dict[str, Any]:
    """Mean, null deviance and first dispersion of every unit, some units at a time; refuses what cannot be fitted."""
    n_units, family, whole = problem.n_units, problem.family, True
    mean, null, dispersion = np.full(n_units, np.nan), np.zeros(n_units), np.full(n_units, np.nan)
    size = max(1, MOST_BYTES // (8 * len(problem.Y)))
    for low in range(0, n_units, size):
        units = np.arange(low, min(low + size, n_units))
        responses, weights = problem.responses(units), problem.weights(units)
        offsets = problem.offsets(units)
        if offsets is not None and not np.isfinite(offsets).all():
            raise InputError("offset", expected="finite values", found="NaN or infinity", remedy="leave those bins out")
        _check_range(responses, weights, units, family)
        whole = whole and float(responses.max()) <= 255 and bool((responses == np.floor(responses)).all())

        def look(first: int, last: int) -> None:
            for row, unit in enumerate(units[first:last], first):  # noqa: B023
                w = weights[row] if len(weights) > 1 else weights.reshape(-1)  # noqa: B023
                if w.size and not w.any():
                    continue
                y = responses[row]  # noqa: B023
                average, variance, varies = moments(y, w)
                mean[unit] = average
                if family.name == "negative_binomial":
                    dispersion[unit] = first_dispersion(average, variance)
                if varies:
                    null[unit] = null_deviance(family.code, y, w, average, dispersion[unit])

        team.over(units.size, look)
    whole = whole and family.lowest == 0
    kind = np.dtype(np.uint8) if whole else problem.design.dtype
    return {"mean": mean, "null": null, "dispersion": dispersion, "response_type": kind}


def _check_range(Y: NDArray, W: NDArray, units: NDArray, family: Family) -> None:
    """Check that responses ``(row, time)`` are within the family's range."""
    low, high = Y.min(axis=1), Y.max(axis=1)  # NaN shows in both
    good = (low >= family.lowest) & (high <= family.highest) & np.isfinite(low) & np.isfinite(high)
    if family.open:
        good &= low > family.lowest
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        y = Y[row].astype(np.float64)
        inside = np.isfinite(y) & (y >= family.lowest) & (y <= family.highest) & ~(family.open & (y == family.lowest))
        bounds = f"between {family.lowest:g} and {family.highest:g}"
        if np.isinf(family.highest):
            bounds = f"> {family.lowest:g}" if family.open else f">= {family.lowest:g}"
        raise InputError(
            "Y",
            expected=f"finite values {bounds if np.isfinite(family.lowest) else ''} for the {family.name} family",
            found=f"{y[~inside][0]:g} in units {first_offenders(units[~good])}",
            remedy="leave those bins out with sample_weight 0, or choose another family",
        )
