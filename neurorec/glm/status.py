"""How a unit's fit ended."""

from enum import IntEnum


class Status(IntEnum):
    """How a unit's fit ended; what each means and what to try is in ``EXPLANATIONS``."""

    CONVERGED = 0
    OUT_OF_ITERATIONS = 1
    OUT_OF_PRECISION = 2
    CONSTANT = 3
    UNOBSERVED = 4


EXPLANATIONS = {
    Status.CONVERGED: "within the tolerance of its minimum",
    Status.OUT_OF_ITERATIONS: "stopped before its minimum: raise max_iter, or the penalty",
    Status.OUT_OF_PRECISION: "as near its minimum as the numbers allow: give X in float64, or raise tol",
    Status.CONSTANT: "its responses do not vary: coefficients are 0 and deviance explained is undefined",
    Status.UNOBSERVED: "no bin of positive weight: coefficients are 0 and the intercept is missing",
}
