"""Nested models: what each may use, and on which simpler one it builds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurorec.recording import SelectionError


class Model(NamedTuple):
    """One of the models that are compared.

    A model starts from the linear predictor of its base, fitted on the same training bins, and adds the columns that
    the base lacks: what the base has settled stays. With an infinite penalty it *is* its base, so a model with many
    useless columns ends up no worse than the simpler one. Columns of the base fitted a second time would be shrunk less
    than the first, and that gain would pass for a benefit.

    Attributes
    ----------
    name : str
        As it stands in results.
    groups : tuple of str
        Groups of columns it may use.
    base : str
        The model it builds on; "" for the mean rate.
    """

    name: str
    groups: tuple[str, ...]
    base: str


UNCOUPLED = Model("uncoupled", ("task",), "")
HISTORY = Model("history", ("task", "history"), "uncoupled")
COUPLED = Model("coupled", ("task", "coupling"), "uncoupled")
FULL = Model("full", ("task", "history", "coupling"), "history")


def columns_of(model: Model, group: NDArray) -> NDArray[np.int64]:
    """Positions of the columns that a model may use.

    Parameters
    ----------
    model : Model
        Which.
    group : ndarray of str (feature,)
        Group of every column of the design.

    Returns
    -------
    ndarray of int (column,)

    Raises
    ------
    SelectionError
        When the design has none of a group.
    """
    for name in model.groups:
        if not (group == name).any():
            raise SelectionError(
                f"design for the {model.name} model",
                expected=f"columns of group {name!r}",
                found=f"groups {', '.join(sorted(set(group)))}",
                remedy=f"add a {name} term" if name != "task" else "add an Event, a Signal or Drift()",
            )
    return np.flatnonzero(np.isin(group, model.groups))
