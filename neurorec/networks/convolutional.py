"""The recurrent convolutional network: layers that see the one below, themselves, and the one above a step ago."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurorec.networks.system import scan
from neurorec.networks.weights import forward_weights, zeros
from neurorec.recording import InputError, are_numbers, check_count, check_number, check_rng, plain

_MOST_WRITTEN_OUT = 40  # steps: a longer loop takes longer to compile than it saves
_BLOCK = 2  # pixels, and units, that the next layer takes together: each layer's grid is half of that below


class Convolutional(eqx.Module):
    """Layers of feature maps with bottom-up, lateral and top-down kernels (Spoerer et al. 2017).

    doi:10.3389/fpsyg.2017.01551. With ``*`` a convolution, zeros around the grid,

    ``r_l(t+1) = [B_l * down(r_(l-1)(t+1)) + L_l * r_l(t) + up(T_l * r_(l+1)(t)) + b_l]_+``

    and ``y = R r_top + c``. The bottom-up sweep takes no time: the first step from silence, in which nothing has
    come back yet, is that of a feedforward network, and lateral and top-down kernels come in from the second on. With
    neither of them the network is feedforward (Spoerer's B), with one or both it is his BL, BT or BLT.

    The image is taken in blocks of 2 x 2 pixels, so the first layer's grid has half the image's side; `down` is the
    largest of 2 x 2 units, `up` repeats a unit 2 x 2 times. Unlike in the paper responses are not normalised, and the
    readout sees every unit of the top layer rather than the largest of each map: where a digit is matters when others
    are near.

    Parameters
    ----------
    bottom_up : tuple of jax.Array (row, column, from, to)
        B, a layer each; the first one's `from` are the 4 pixels of a block.
    bias : tuple of jax.Array (map,)
        b.
    lateral : tuple of jax.Array (row, column, from, to)
        L; empty for none.
    top_down : tuple of jax.Array (row, column, from, to)
        T, one for every layer but the top; empty for none.
    output : jax.Array (output, unit of the top layer)
        R.
    output_bias : jax.Array (output,)
        c.
    side : int
        Rows and columns of the image, divisible by ``2 ** layers``.

    Raises
    ------
    InputError
        Kernels that do not fit on each other, of even sizes, or a side that cannot be halved so often.

    Examples
    --------
    >>> network = Convolutional.random(12, (4, 6), 10, lateral=True, top_down=True, rng=np.random.default_rng(0))
    >>> network.n_inputs, network.n_units, network.area[0], network.area[-1]
    (144, 198, 'layer_1', 'layer_2')
    >>> network.readout(network.step(network.initial_state, jnp.ones(144))).shape
    (10,)
    """

    bottom_up: tuple[Array, ...]
    bias: tuple[Array, ...]
    lateral: tuple[Array, ...]
    top_down: tuple[Array, ...]
    output: Array
    output_bias: Array
    side: int = eqx.field(static=True, converter=plain)

    def __check_init__(self) -> None:
        n_layers = len(self.bottom_up)
        if (
            n_layers < 1
            or not isinstance(self.side, int)
            or self.side % _BLOCK**n_layers
            or self.side < _BLOCK**n_layers
        ):
            expected = f"divisible by {_BLOCK} for each of {n_layers} layers, and one layer or more"
            raise InputError("side", expected=expected, found=str(self.side), remedy="such as 12 for two layers")
        shapes = [np.shape(b) for b in self.bias]
        if len(shapes) != n_layers or any(len(shape) != 1 for shape in shapes):
            found = str(shapes)
            raise InputError("bias", expected=f"(map,), {n_layers} of them", found=found, remedy="one a layer")
        maps = [len(b) for b in self.bias]
        ends = list(zip([_BLOCK**2, *maps[:-1]], maps))
        wanted = {"bottom_up": ends, "lateral": [(m, m) for m in maps], "top_down": list(zip(maps[1:], maps))}
        for name, pairs in wanted.items():
            kernels = getattr(self, name)
            if kernels == () and name != "bottom_up":
                continue
            fits = [k.ndim == 4 and k.shape[0] == k.shape[1] and k.shape[0] % 2 == 1 for k in kernels]
            if [k.shape[2:] for k in kernels] != pairs or not all(fits):
                expected = f"square kernels of odd size, (from, to) {pairs}"
                raise InputError(name, expected=expected, found=str([k.shape for k in kernels]), remedy="see random")
        if self.output_bias.shape != self.output.shape[:-1]:
            expected, found = f"shape {self.output.shape[:-1]}", str(self.output_bias.shape)
            raise InputError("output_bias", expected=expected, found=found, remedy="one an output")
        if self.output.shape[-1] != self._sizes[-1]:
            expected, found = f"{self._sizes[-1]} columns, one a unit of the top layer", str(self.output.shape[-1])
            raise InputError("output", expected=expected, found=found, remedy="see random")

    @classmethod
    def random(
        cls,
        side: int,
        n_maps: tuple[int, ...],
        n_outputs: int,
        *,
        kernel: int = 3,
        lateral: bool = False,
        top_down: bool = False,
        recurrent_gain: float = 0.1,
        rng: np.random.Generator,
    ) -> "Convolutional":
        """Draw one, biases 0.

        Bottom-up weights have a variance of 2 over the units that a unit sees (He et al. 2015, arXiv:1502.01852);
        lateral and top-down ones ``recurrent_gain^2`` times as much, so that the network begins nearly feedforward.

        Parameters
        ----------
        side : int
            Of the image.
        n_maps : tuple of int
            Feature maps, a layer each.
        n_outputs : int
            Channels out.
        kernel : int
            Rows and columns of the bottom-up kernels, odd; lateral and top-down ones are 3 x 3.
        lateral, top_down : bool
            Which connections there are.
        recurrent_gain : float
            See above.
        rng : numpy.random.Generator
            Everything random.

        Raises
        ------
        InputError
            Numbers of maps or outputs below 1, kernels of even sizes, a side that cannot be halved for each layer.
        """
        maps = tuple(n_maps) if np.iterable(n_maps) else ()
        if not are_numbers(kernel, *maps) or kernel % 2 != 1 or kernel < 1 or min(maps, default=0) < 1:
            expected, found = "an odd size, and one map or more", f"{kernel!r} and {n_maps!r}"
            raise InputError("kernel, n_maps", expected=expected, found=found, remedy="try 3 and (16, 32)")
        n_maps, kernel = tuple(check_count("n_maps", n) for n in maps), int(kernel)
        side, n_outputs = check_count("side", side), check_count("n_outputs", n_outputs)
        recurrent_gain, rng = check_number("recurrent_gain", recurrent_gain), check_rng(rng)

        def drawn(size: int, n_from: int, n_to: int, gain: float = 1.0) -> Array:
            flat = forward_weights(n_to, size * size * n_from, gain=gain * 2**0.5, rng=rng)
            return flat.T.reshape(size, size, n_from, n_to)

        top = (side // _BLOCK ** len(n_maps)) ** 2 * n_maps[-1]
        pairs = list(zip(n_maps[1:], n_maps))
        return cls(
            bottom_up=tuple(drawn(kernel, *ends) for ends in zip((_BLOCK**2, *n_maps[:-1]), n_maps)),
            bias=tuple(zeros(n) for n in n_maps),
            lateral=tuple(drawn(3, n, n, recurrent_gain) for n in n_maps) if lateral else (),
            top_down=tuple(drawn(3, *ends, recurrent_gain) for ends in pairs) if top_down else (),
            output=forward_weights(n_outputs, top, rng=rng),
            output_bias=zeros(n_outputs),
            side=side,
        )

    @property
    def n_inputs(self) -> int:
        """Pixels."""
        return self.side**2

    @property
    def n_outputs(self) -> int:
        """Channels out."""
        return self.output.shape[-2]

    @property
    def n_units(self) -> int:
        """Units of all layers."""
        return sum(self._sizes)

    @property
    def n_states(self) -> int:
        """One a unit."""
        return self.n_units

    @property
    def n_weights(self) -> int:
        """Numbers that training changes."""
        return sum(part.size for part in jax.tree.leaves(eqx.filter(self, eqx.is_array)))

    @property
    def initial_state(self) -> Array:
        """Silence."""
        return zeros(self.n_units)

    @property
    def area(self) -> tuple[str, ...]:
        """Where each unit is: ``"layer_1"``, ``"layer_2"``, ..."""
        return tuple(f"layer_{k + 1}" for k, size in enumerate(self._sizes) for _ in range(size))

    @property
    def _grids(self) -> list[tuple[int, int, int]]:
        """Rows, columns and maps of each layer."""
        halved = [self.side // _BLOCK ** (k + 1) for k in range(len(self.bias))]
        return [(n, n, len(b)) for n, b in zip(halved, self.bias)]

    @property
    def _sizes(self) -> list[int]:
        return [rows * columns * maps for rows, columns, maps in self._grids]

    def feedforward(self) -> "Convolutional":
        """The same network without its lateral and top-down kernels."""
        return Convolutional(self.bottom_up, self.bias, (), (), self.output, self.output_bias, self.side)

    def layers(self, state: Array) -> list[Array]:
        """Each layer's part of a state, on its grid ``(..., row, column, map)``."""
        parts = jnp.split(state, np.cumsum(self._sizes)[:-1].tolist(), axis=-1)
        return [part.reshape(*state.shape[:-1], *grid) for part, grid in zip(parts, self._grids)]

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        before = self.layers(state)
        seen = _blocks(inputs.reshape(*inputs.shape[:-1], self.side, self.side))
        after = []
        for k, kernel in enumerate(self.bottom_up):
            drive = convolve(seen, kernel) + self.bias[k]
            if self.lateral:
                drive = drive + convolve(before[k], self.lateral[k])
            if self.top_down and k < len(self.top_down):
                drive = drive + _up(convolve(before[k + 1], self.top_down[k]))
            after.append(jax.nn.relu(drive))
            seen = _down(after[-1]) if k + 1 < len(self.bias) else seen
        flat = [part.reshape(*part.shape[:-3], size) for part, size in zip(after, self._sizes)]
        return jnp.concatenate(flat, axis=-1)

    @eqx.filter_jit
    def run(self, state: Array, inputs: Array, draws: Array | None = None) -> Array:
        """States ``(time, ..., state)`` after each step, the steps written out one by one.

        On a processor a convolution within a compiled loop takes ten times as long as one that stands alone.
        """
        if draws is not None or len(inputs) > _MOST_WRITTEN_OUT:
            return scan(self, state, inputs, draws)  # which refuses draws
        states = []
        for now in inputs:
            state = self.step(state, now)
            states.append(state)
        return jnp.stack(states) if states else jnp.zeros((0, *state.shape), state.dtype)

    def readout(self, state: Array) -> Array:
        """Outputs ``(..., output)``, log odds of classes."""
        return state[..., self.n_units - self._sizes[-1] :] @ self.output.T + self.output_bias

    def activity(self, state: Array) -> Array:
        """The state itself: rates, 0 or more."""
        return state


def convolve(maps: Array, kernel: Array) -> Array:
    """``y[i, j, b] = sum k[p, q, a, b] x[i + p - h, j + q - h, a]`` on the same grid, zeros around it; h half a kernel.

    Parameters
    ----------
    maps : jax.Array (..., row, column, from)
        x.
    kernel : jax.Array (row, column, from, to)
        k, of odd size.

    Returns
    -------
    jax.Array (..., row, column, to)

    Examples
    --------
    >>> convolve(jnp.arange(4.0).reshape(1, 4, 1), jnp.ones((3, 3, 1, 1)))[0, :, 0].tolist()
    [1.0, 3.0, 6.0, 5.0]
    """
    of = jnp.result_type(maps, kernel)  # which a convolution does not see to
    flat, kernel = maps.reshape(-1, *maps.shape[-3:]).astype(of), kernel.astype(of)  # and it has one axis of images
    found = jax.lax.conv_general_dilated(flat, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return found.reshape(*maps.shape[:-1], kernel.shape[-1])


def _blocks(image: Array) -> Array:
    """Blocks of an image ``(..., row, column)`` as maps ``(..., row, column, pixel)``."""
    lead, n = image.shape[:-2], image.shape[-1] // _BLOCK
    split = image.reshape(*lead, n, _BLOCK, n, _BLOCK)
    return jnp.moveaxis(split, -3, -2).reshape(*lead, n, n, _BLOCK**2)


def _down(maps: Array) -> Array:
    rows, columns, n = maps.shape[-3:]
    return maps.reshape(*maps.shape[:-3], rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK, n).max(axis=(-4, -2))


def _up(maps: Array) -> Array:
    return maps.repeat(_BLOCK, axis=-3).repeat(_BLOCK, axis=-2)
