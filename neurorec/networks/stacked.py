"""Stacked layers: cells, each of which sees the activity of the one below in the same step."""

from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.network import Cell
from neurorec.networks.system import jacobian, noise_scale, noisy_step, scan
from neurorec.recording import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


class Stacked(eqx.Module):
    """Layers ``x_l(t+1) = F_l(x_l(t), r_(l-1)(t+1))``: the first sees the inputs, the others the activity r below.

    The state is the layers' states side by side, the activity that of all layers: a recording of the stack has all of
    them, and a readout sees all of them (Pascanu et al. 2014, arXiv:1312.6026). A readout of the top
    alone is one whose other weights are 0, as `neurorec.networks.from_torch` makes it.

    Parameters
    ----------
    cells : tuple of Cell
        The first one sees the inputs; each other takes as many inputs as the one below has units.

    Raises
    ------
    InputError
        For layers that do not fit on each other, or none.

    Examples
    --------
    >>> from neurorec.networks import GRU, Leaky
    >>> rng = np.random.default_rng(0)
    >>> cell = Stacked((GRU.random(2, 5, rng=rng), Leaky.random(5, 3, rng=rng)))
    >>> cell.step(jnp.zeros(8), jnp.ones(2)).shape, cell.area[4:6]
    ((8,), ('layer_1', 'layer_2'))
    """

    cells: tuple[Cell, ...]

    def __check_init__(self) -> None:
        if not self.cells:
            raise InputError("cells", expected="at least one", found="none", remedy="give a tuple of cells")
        for k, (below, above) in enumerate(zip(self.cells, self.cells[1:])):
            if below.n_units != above.n_inputs:
                expected = f"cell {k + 1} with {below.n_units} inputs, one a unit of cell {k}"
                raise InputError("cells", expected=expected, found=str(above.n_inputs), remedy="match their sizes")

    @property
    def n_inputs(self) -> int:
        """Channels in."""
        return self.cells[0].n_inputs

    @property
    def n_units(self) -> int:
        """Units of all layers."""
        return sum(cell.n_units for cell in self.cells)

    @property
    def n_states(self) -> int:
        """Of all layers."""
        return sum(cell.n_states for cell in self.cells)

    @property
    def noise_scale(self) -> float:
        """The largest of any layer; a layer multiplies its draws by its own."""
        return max(noise_scale(cell) for cell in self.cells)

    @property
    def area(self) -> tuple[str, ...]:
        """Where each unit is: as its layer says, otherwise ``"layer_1"``, ``"layer_2"``, ..."""
        named = (getattr(cell, "area", ()) or (f"layer_{k + 1}",) * cell.n_units for k, cell in enumerate(self.cells))
        return tuple(name for names in named for name in names)

    def prepared(self) -> "Stacked":
        """The same stack, every layer's weights made."""
        ready = [cell.prepared() if hasattr(cell, "prepared") else cell for cell in self.cells]  # type: ignore[attr-defined]
        return Stacked(tuple(ready))

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        return self._climb(state, inputs, [None] * len(self.cells), lambda cell, own, seen, _: cell.step(own, seen))

    def noisy_step(self, state: Array, inputs: Array, draw: Array) -> Array:
        """The next state with the private noise of layers that have some, from standard normal ``(..., unit)``."""

        def advance(cell: Cell, own: Array, seen: Array, draw: Array | None) -> Array:
            if draw is None or not hasattr(cell, "noisy_step"):
                return cell.step(own, seen)
            return noisy_step(cell, own, seen, draw)

        return self._climb(state, inputs, self._draws(draw), advance)

    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., state)`` after each step, one layer after the other, each in its own way."""

        def advance(cell: Cell, own: Array, seen: Array, draw: Array | None) -> Array:
            fast = getattr(cell, "run", None)
            draw = draw if hasattr(cell, "noisy_step") else None
            return scan(cell, own, seen, draw) if fast is None else fast(own, seen, draw)

        return self._climb(state, inputs, self._draws(draws), advance)

    def activity(self, state: Array) -> Array:
        """Activity of all layers' units ``(..., unit)``."""
        parts = [cell.activity(own) for cell, own in zip(self.cells, self.layers(state))]
        return jnp.concatenate(parts, axis=-1)

    def layers(self, state: Array) -> list[Array]:
        """Each layer's part of a state ``(..., state)``."""
        return self._split(state, [cell.n_states for cell in self.cells])

    def jacobian(self, state: Array, inputs: Array) -> Array:
        """Block-triangular: a layer's own Jacobian on the diagonal; left of it, through the activity of the one below.

        Row l is ``[dF_l/du dr_(l-1)/dx_1, ..., dF_l/dx_l, 0, ...]``.
        """
        rows, seen, below = [], inputs, None
        for cell, own in zip(self.cells, self.layers(state)):
            row = jacobian(cell, own, seen)  # type: ignore[arg-type]
            if below is not None:
                through = _pushed(lambda u, cell=cell, own=own: cell.step(own, u), seen, below)
                row = jnp.concatenate([through, row], axis=1)
            rows.append(row)
            after = cell.step(own, seen)
            seen, below = cell.activity(after), _pushed(cell.activity, after, row)
        return jnp.concatenate([jnp.pad(row, ((0, 0), (0, self.n_states - row.shape[1]))) for row in rows])

    def _climb(
        self,
        state: Array,
        inputs: Array,
        draws: "list[Array] | list[None]",
        advance: "Callable[[Cell, Array, Array, Array | None], Array]",
    ) -> Array:
        after, seen = [], inputs
        for cell, own, draw in zip(self.cells, self.layers(state), draws):
            after.append(advance(cell, own, seen, draw))
            seen = cell.activity(after[-1])
        return jnp.concatenate(after, axis=-1)

    def _draws(self, draw: Array | None) -> "list[Array] | list[None]":
        if draw is None:
            return [None] * len(self.cells)
        if not any(hasattr(cell, "noisy_step") for cell in self.cells):
            found = ", ".join(type(cell).__name__ for cell in self.cells)
            raise InputError("draws", expected="a layer with private noise", found=found, remedy="leave them out")
        return self._split(draw, [cell.n_units for cell in self.cells])

    @staticmethod
    def _split(values: Array, sizes: list[int]) -> list[Array]:
        return jnp.split(values, np.cumsum(sizes)[:-1].tolist(), axis=-1)


def _pushed(function: "Callable[[Array], Array]", at: Array, tangents: Array) -> Array:
    """Derivative of a function at a point, times a matrix ``(at, column)``."""
    return jax.vmap(jax.linearize(function, at)[1], in_axes=1, out_axes=1)(tangents)
