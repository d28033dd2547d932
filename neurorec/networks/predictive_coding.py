"""Predictive coding: layers whose values predict those below them, and units that hold what was not predicted."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from neurorec.networks.nonlinearity import Nonlinearity, apply, check_nonlinearity, slope
from neurorec.recording import InputError, are_numbers, check_array, check_count, check_number, check_rng, plain

Clamped = Literal["bottom", "top", "both", "neither"]


class PredictiveCoding(eqx.Module):
    r"""A hierarchy that settles where its predictions err least (Rao & Ballard 1999, doi:10.1038/4580).

    Layer 0 is the bottom. Every layer above predicts the one below it: with values x, an error unit beside each holds
    :math:`e_l = (x_l - W_l f(x_{l+1}) - b_l) / \sigma_l^2`, that of the top layer L :math:`(x_L - b_L) / \sigma_L^2`.
    Values go down the gradient of the energy :math:`F = \sum_l \frac{\sigma_l^2}{2} |e_l|^2`, for which each needs no
    more than its own error unit and those of the layer below, through the weights of its own predictions:

    .. math:: \tau \frac{dx_l}{dt} = -e_l + f'(x_l) \odot W_{l-1}^T e_{l-1}

    Layers that are clamped are what the inputs say; units for which they say NaN, such as pixels that are not seen, are
    free. With the bottom clamped to an image, the layers above find its causes. With the top clamped, predictions run
    from an input to an output, and with both, the errors that remain are those that the weights learn from (Whittington
    & Bogacz 2017, doi:10.1162/NECO_a_00949). A step is one of Euler: first the errors take notice of the values, then
    the values move.

    Parameters
    ----------
    weights : tuple of jax.Array (unit of layer l, unit of layer l + 1)
        W, the predictions of each layer but the top.
    biases : tuple of jax.Array (unit of layer l,)
        b, of every layer; the top's is what it is expected to be.
    variance : jax.Array (layer,)
        :math:`\sigma^2`; infinite where errors do not count: a top without expectations.
    clamped : {"bottom", "top", "both", "neither"}
        Which layers the inputs hold. Both: inputs of the bottom come first.
    nonlinearity : {"tanh", "relu", "softplus", "sigmoid", "linear"}
        f.
    dt, tau : float
        Time step and time constant of the values, s; dt is at most tau. See `largest_step`.
    error_tau : float
        Time constant of the error units, s; at most dt, such as 0, lets them follow at once. Slower ones make F ring.
    feedback : float
        What predictions are multiplied by on their way down. With 0 errors are what comes from below, less the bias,
        and nothing is explained away; below 1 values no longer go down a gradient.

    Raises
    ------
    InputError
        Weights that do not fit on one another, variances, times or gains that cannot be.

    Examples
    --------
    >>> hierarchy = PredictiveCoding.random((6, 4, 2), rng=np.random.default_rng(0))
    >>> image = jnp.linspace(-1.0, 1.0, 6)
    >>> state, energy = hierarchy.initial_state, []
    >>> for _ in range(30):
    ...     energy.append(float(hierarchy.energy(state, image)))
    ...     state = hierarchy.step(state, image)
    >>> bool(np.all(np.diff(energy) <= 0)), hierarchy.n_states
    (True, 24)
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    variance: Array
    clamped: Clamped = eqx.field(static=True, default="bottom")
    nonlinearity: Nonlinearity = eqx.field(static=True, default="tanh")
    dt: float = eqx.field(static=True, default=0.002, converter=plain)
    tau: float = eqx.field(static=True, default=0.02, converter=plain)
    error_tau: float = eqx.field(static=True, default=0.0, converter=plain)
    feedback: float = eqx.field(static=True, default=1.0, converter=plain)

    def __check_init__(self) -> None:
        check_nonlinearity(self.nonlinearity)
        _check_shapes([w.shape for w in self.weights], [b.shape for b in self.biases], self.variance.shape)
        _check_variance(self.variance)
        real = are_numbers(self.dt, self.tau, self.error_tau, self.feedback)
        if not real or not 0 < self.dt <= self.tau or self.error_tau < 0 or self.feedback < 0:
            found = f"dt {self.dt} s, tau {self.tau} s, error_tau {self.error_tau} s, feedback {self.feedback}"
            expected, remedy = "0 < dt <= tau, error_tau and feedback 0 or more", "take smaller steps"
            raise InputError("dt, tau, error_tau, feedback", expected=expected, found=found, remedy=remedy)
        if self.clamped not in ("bottom", "top", "both", "neither"):
            expected = "bottom, top, both or neither"
            raise InputError("clamped", expected=expected, found=repr(self.clamped), remedy="choose one")

    @classmethod
    def random(
        cls,
        sizes: Sequence[int],
        *,
        variance: ArrayLike = 1.0,
        clamped: Clamped = "bottom",
        nonlinearity: Nonlinearity = "tanh",
        gain: float = 1.0,
        dt: float = 0.002,
        tau: float = 0.02,
        error_tau: float = 0.0,
        feedback: float = 1.0,
        rng: np.random.Generator,
    ) -> "PredictiveCoding":
        """Draw one: normal weights of standard deviation ``gain / sqrt(units of the layer above)``, biases of 0.

        Parameters
        ----------
        sizes : sequence of int (layer,)
            Units of each layer, the bottom first.
        variance : float or array-like (layer,)
            Of every layer, or of each.
        clamped, nonlinearity, gain, dt, tau, error_tau, feedback
            See above.
        rng : numpy.random.Generator
            Draws the weights.

        Raises
        ------
        InputError
            Fewer than two layers, layers without units, or not one variance a layer.
        """
        if not np.iterable(sizes) or not are_numbers(*sizes) or len(sizes) < 2 or min(sizes) < 1:
            expected = "two layers or more, of a unit or more"
            raise InputError("sizes", expected=expected, found=repr(sizes), remedy="such as (64, 32, 10)")
        sizes = [check_count("sizes", n, remedy="count units") for n in sizes]
        variance, gain = check_array("variance", variance, "(layer,)"), check_number("gain", gain)
        check_rng(rng)
        if variance.shape not in ((), (1,), (len(sizes),)):
            found = f"shape {variance.shape}"
            raise InputError("variance", expected=f"one number, or {len(sizes)}", found=found, remedy="one a layer")
        weights = [gain / np.sqrt(above) * rng.standard_normal((below, above)) for below, above in pairwise(sizes)]
        return cls(
            tuple(jnp.asarray(w, dtype=jnp.float32) for w in weights),
            tuple(jnp.zeros(n, dtype=jnp.float32) for n in sizes),
            jnp.broadcast_to(jnp.asarray(variance, dtype=jnp.float32), (len(sizes),)),
            clamped=clamped, nonlinearity=nonlinearity, dt=dt, tau=tau, error_tau=error_tau, feedback=feedback,
        )  # fmt: skip

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the bottom first."""
        return tuple(b.shape[-1] for b in self.biases)

    @property
    def free(self) -> tuple[bool, ...]:
        """Whether each layer's values move."""
        top = len(self.biases) - 1
        held = {"bottom": {0}, "top": {top}, "both": {0, top}, "neither": set()}[self.clamped]
        return tuple(layer not in held for layer in range(top + 1))

    @property
    def n_inputs(self) -> int:
        """One a unit of each clamped layer."""
        return sum(n for n, free in zip(self.sizes, self.free, strict=True) if not free)

    @property
    def n_outputs(self) -> int:
        """One a unit of the bottom."""
        return self.sizes[0]

    @property
    def n_units(self) -> int:
        """Value units and error units."""
        return 2 * sum(self.sizes)

    @property
    def n_states(self) -> int:
        """One each: values from the bottom up, then errors from the bottom up."""
        return self.n_units

    @property
    def area(self) -> tuple[str, ...]:
        """What each unit is, such as "values 0" and "errors 2"."""
        kinds = ("values", "errors")
        return tuple(f"{kind} {layer}" for kind in kinds for layer, n in enumerate(self.sizes) for _ in range(n))

    @property
    def initial_state(self) -> Array:
        """Values at their biases' place, 0; no errors."""
        return jnp.zeros(self.n_states, dtype=self.weights[0].dtype)

    def values(self, state: Array) -> tuple[Array, ...]:
        """Values ``(..., unit)`` of each layer, from states ``(..., state)``."""
        return self._split(state[..., : sum(self.sizes)])

    def errors(self, state: Array) -> tuple[Array, ...]:
        """Error units ``(..., unit)`` of each layer, from states ``(..., state)``."""
        return self._split(state[..., sum(self.sizes) :])

    def state_of(self, values: Sequence[Array]) -> Array:
        """A state ``(..., state)`` of values ``(..., unit)`` of each layer, and the errors that they make."""
        return jnp.concatenate([*values, *self.errors_of(values)], axis=-1)

    def swept(self, top: Array) -> Array:
        """A state ``(..., state)`` whose layers are just as those above predict, from values of the top."""
        values = [top]
        for weight, bias in zip(self.weights[::-1], self.biases[-2::-1], strict=True):
            values.insert(0, apply(self.nonlinearity, values[0]) @ weight.T + bias)
        return self.state_of(values)

    def rates(self, values: Sequence[Array]) -> tuple[Array, ...]:
        """``f(x)`` ``(..., unit)`` of each layer's values."""
        return tuple(apply(self.nonlinearity, x) for x in values)

    def predictions(self, values: Sequence[Array]) -> tuple[Array, ...]:
        """What each layer is predicted to be ``(..., unit)``: by the layer above, the top by its bias."""
        down = zip(self.rates(values[1:]), self.weights, self.biases[:-1], strict=True)
        said = [self.feedback * (rate @ weight.T) + bias for rate, weight, bias in down]
        return (*said, jnp.broadcast_to(self.biases[-1], values[-1].shape))

    def errors_of(self, values: Sequence[Array]) -> tuple[Array, ...]:
        """Errors ``(..., unit)`` that values make, over the variance."""
        said = self.predictions(values)
        return tuple((x - mu) / v for x, mu, v in zip(values, said, self.variance, strict=True))

    def clamp(self, values: Sequence[Array], inputs: Array) -> tuple[Array, ...]:
        """Values ``(..., unit)`` of each layer, those of clamped layers from inputs ``(..., input)``."""
        held, place = [], 0
        for x, free, n in zip(values, self.free, self.sizes, strict=True):
            shape = (*jnp.broadcast_shapes(x.shape[:-1], inputs.shape[:-1]), n)
            said = x if free else inputs[..., place : place + n]
            held.append(jnp.broadcast_to(jnp.where(jnp.isnan(said), x, said), shape).astype(x.dtype))
            place += 0 if free else n
        return tuple(held)

    def energy(self, state: Array, inputs: Array) -> Array:
        """F ``(...)`` of the values in states ``(..., state)`` under inputs ``(..., input)``."""
        errors = self.errors_of(self.clamp(self.values(state), inputs))
        counts = jnp.isfinite(self.variance)
        parts = [
            jnp.where(count, 0.5 * v * (e * e).sum(axis=-1), 0.0)
            for e, v, count in zip(errors, jnp.where(counts, self.variance, 1.0), counts, strict=True)
        ]
        return jnp.stack(parts).sum(axis=0)

    def step(self, state: Array, inputs: Array) -> Array:
        """The next state ``(..., state)``."""
        values = self.clamp(self.values(state), inputs)
        follow = min(1.0, self.dt / self.error_tau) if self.error_tau > 0 else 1.0
        pairs = zip(self.errors(state), self.errors_of(values), strict=True)
        errors = [new if follow == 1.0 else old + follow * (new - old) for old, new in pairs]
        rate = self.dt / self.tau
        moved = [x + rate * self._push(layer, x, errors) for layer, x in enumerate(values)]
        return jnp.concatenate([*self.clamp(moved, inputs), *errors], axis=-1)

    def readout(self, state: Array) -> Array:
        """What is predicted of the bottom ``(..., output)``: the image as it is understood, or the answer."""
        return self.predictions(self.values(state))[0]

    def activity(self, state: Array) -> Array:
        """Values and errors ``(..., unit)``."""
        return state

    def largest_step(self) -> float:
        r"""Time step, s, up to which F falls at every step: :math:`2 \tau / \lambda`, exact for linear f.

        :math:`\lambda` is the largest curvature of F over the free values, where units are steepest. Other f may curve
        F a little more where errors are large.
        """
        steep = 0.25 if self.nonlinearity == "sigmoid" else 1.0
        edges, errors = np.cumsum([0, *self.sizes]), np.eye(sum(self.sizes))
        for layer, weight in enumerate(self.weights):
            below, above = (slice(edges[k], edges[k + 1]) for k in (layer, layer + 1))
            errors[below, above] = -self.feedback * steep * np.asarray(weight, dtype=float)
        errors /= np.sqrt(np.repeat(np.asarray(self.variance, dtype=float), self.sizes))[:, None]
        errors = errors[:, np.repeat(self.free, self.sizes)]
        return float(2 * self.tau / np.linalg.norm(errors, 2) ** 2) if errors.size else np.inf

    def _push(self, layer: int, x: Array, errors: Sequence[Array]) -> Array:
        """``-dF / dx`` of a layer."""
        if layer == 0:
            return -errors[0]
        back = errors[layer - 1] @ self.weights[layer - 1]
        return slope(self.nonlinearity, apply(self.nonlinearity, x)) * back - errors[layer]

    def _split(self, flat: Array) -> tuple[Array, ...]:
        edges = np.cumsum(self.sizes)
        return tuple(flat[..., end - n : end] for end, n in zip(edges, self.sizes, strict=True))


def _check_variance(variance: Array) -> None:
    if isinstance(variance, jax.core.Tracer):
        return
    values = np.asarray(variance)
    if not (values > 0).all() or np.isinf(values[:-1]).any():
        expected, remedy = "above 0, and finite below the top", "1 each will do"
        raise InputError("variance", expected=expected, found=str(values), remedy=remedy)


def _check_shapes(weights: list[tuple[int, ...]], biases: list[tuple[int, ...]], variance: tuple[int, ...]) -> None:
    sizes = [shape[-1] if shape else 0 for shape in biases]
    wanted = list(pairwise(sizes))
    if not weights or weights != wanted or any(len(shape) != 1 for shape in biases) or variance != (len(sizes),):
        found = f"weights {weights}, biases {biases}, variance {variance}"
        expected = "weights (layer, layer above), a bias each and one variance a layer"
        raise InputError("weights, biases, variance", expected=expected, found=found, remedy="see random")
