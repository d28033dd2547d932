"""How a hierarchy of predictions responds: to what it did not expect, and without its feedback."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from neurorec.networks import PredictiveCoding
from neurorec.study.classics.predictive_coding_measures import (
    DT,
    SCALE,
    TAU,
    Digits,
    Units,
    in_safe_steps,
    learn_hierarchy,
    split_digits,
    take_steps,
)
from neurorec.training import train_predictive_coding

SEQUENCE = (64, 32, 64)  # units: the image now, between, the image before
SHOWN = 0.1  # s, each image of a sequence
KINDS = ("learnt", "order shuffled", "untrained")
TIMES = (0.003, 0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)  # s
EARLY, LATE = 0.01, 0.25  # s: up to, and from
PATCH = 5  # pixels of its side
IMAGES = ("clear", "occluded", "occluded, taken for black")
UNITS: tuple[Units, ...] = ("tanh", "linear")


def violations(
    seeds: Sequence[int], *, n_pairs: int = 3000, n_epochs: int = 15, tick: Callable[[], object]
) -> xr.Dataset:
    """Responses of error units to held-out images, after the digit that leads to them and after another.

    Digits follow one another in a circle whose order is drawn for each network.
    ``response (kind, network, condition, layer, time)``: mean size of the errors of the two lower layers, time from the
    change of image, s. ``index (kind, network, layer)``: responses to violations less those to what was expected, over
    their sum, means over the image's time.
    """
    found = []
    for kind in KINDS:
        of_kind = []
        for seed in seeds:
            of_kind.append(_violated(kind, seed, n_pairs, n_epochs))
            tick()
        found.append(of_kind)
    response = np.array(found)
    over = response.mean(axis=-1)
    index = (over[:, :, 1] - over[:, :, 0]) / (over[:, :, 1] + over[:, :, 0])
    time = np.arange(response.shape[-1]) * DT
    return xr.Dataset(
        {
            "response": (("kind", "network", "condition", "layer", "time"), response),
            "index": (("kind", "network", "layer"), index),
        },
        coords={
            "kind": list(KINDS), "condition": ["expected", "violation"], "layer": [0, 1],
            "time": ("time", time, {"units": "s"}),
        },
    )  # fmt: skip


def _violated(kind: str, seed: int, n_pairs: int, n_epochs: int) -> NDArray[np.float64]:
    """Responses ``(condition, layer, time)`` of one network."""
    rng = np.random.default_rng([seed, 3])
    digits = split_digits(rng)
    network = PredictiveCoding.random(
        SEQUENCE, variance=[1, 1, np.inf], clamped="both", dt=DT, tau=TAU, rng=np.random.default_rng([seed, 4])
    )
    leads_to = np.empty(10, dtype=int)
    order = rng.permutation(10)
    leads_to[order] = np.roll(order, -1)
    before = rng.integers(10, size=n_pairs)
    after = leads_to[before]
    if kind != "untrained":
        after = rng.permutation(after) if kind == "order shuffled" else after
        now, past = (_of_class(digits.train, digits.train_class, classes, rng) for classes in (after, before))
        network = train_predictive_coding(network, now, past, n_settling=40, n_epochs=n_epochs, rng=rng).network
    return _responses(network, digits, np.argsort(leads_to), rng)


def _responses(
    network: PredictiveCoding, digits: Digits, led_by: NDArray, rng: np.random.Generator
) -> NDArray[np.float64]:
    """To the same images, under both conditions; what came before had itself been expected."""
    there, classes = in_safe_steps(network), digits.test_class
    n_steps = round(SHOWN / there.dt)
    allowed = ~np.eye(10, dtype=bool)
    allowed[np.arange(10), led_by] = False  # any but the right one, and the digit itself
    other = np.array([rng.choice(np.flatnonzero(allowed[k])) for k in classes])
    found = []
    for lead in (led_by[classes], other):
        first = _of_class(digits.test, classes, led_by[lead], rng)
        second = _of_class(digits.test, classes, lead, rng)
        pairs = [np.concatenate(pair, axis=1) for pair in ((second, first), (digits.test, second))]
        start = take_steps(there, there.swept(jnp.asarray(first)), jnp.asarray(pairs[0]), n_steps)
        sizes = np.asarray(_sizes_of_errors(there, start, jnp.asarray(pairs[1]), n_steps)).T
        found.append(sizes[:, :: round(DT / there.dt)])
    return np.array(found)


@eqx.filter_jit
def _sizes_of_errors(network: PredictiveCoding, state: jax.Array, inputs: jax.Array, n_steps: int) -> jax.Array:
    """Mean size of the errors of the two lower layers after each step ``(time, layer)``."""

    def advance(state: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        after = network.step(state, inputs)
        return after, jnp.stack([jnp.abs(e).mean() for e in network.errors(after)[:2]])

    return jax.lax.scan(advance, state, None, length=n_steps)[1]


def _of_class(images: NDArray, classes: NDArray, wanted: NDArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random image of each class wanted ``(wanted, pixel)``."""
    rows = np.empty(len(wanted), dtype=int)
    for k in range(10):
        rows[wanted == k] = rng.choice(np.flatnonzero(classes == k), (wanted == k).sum())
    return images[rows]


def feedback_removed(
    seeds: Sequence[int],
    *,
    n_epochs: int,
    tick: Callable[[], object],
    units: Sequence[Units] = UNITS,
    times: Sequence[float] = TIMES,
) -> xr.Dataset:
    """Accuracy over time with which held-out digits are told from the top layer, with feedback and without.

    ``accuracy (units, network, images, feedback, time)``. A decoder (linear discriminant analysis) for each time and
    condition is fitted to the same network's responses to training images of that condition, so that what feedback
    does to the size of responses plays no part.
    """
    rows = []
    for name in units:
        of_units = []
        for seed in seeds:
            rng = np.random.default_rng([seed, 5])
            digits = split_digits(rng)
            network = learn_hierarchy(digits, nonlinearity=name, n_epochs=n_epochs, rng=rng).network
            shown = _shown(digits, rng)
            of_units.append([[_accuracy(network, images, digits, g, times) for g in (1.0, 0.0)] for images in shown])
            tick()
        rows.append(of_units)
    return xr.Dataset(
        {"accuracy": (("units", "network", "images", "feedback", "time"), np.array(rows))},
        coords={
            "units": list(units), "images": list(IMAGES), "feedback": ["intact", "removed"],
            "time": ("time", list(times), {"units": "s"}),
        },
    )  # fmt: skip


def _shown(digits: Digits, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """All images, training ones first: clear, with a patch that is not seen, with that patch black."""
    clear = np.concatenate([digits.train, digits.test])
    hidden = np.zeros((len(clear), 8, 8), dtype=bool)
    for mask, (row, column) in zip(hidden, rng.integers(9 - PATCH, size=(len(clear), 2)), strict=True):
        mask[row : row + PATCH, column : column + PATCH] = True
    hidden = hidden.reshape(clear.shape)
    return [clear, np.where(hidden, np.float32(np.nan), clear), np.where(hidden, digits.black, clear)]


def filled_in(network: PredictiveCoding, digits: Digits, *, n_images: int = 8, rng: np.random.Generator) -> xr.Dataset:
    """Held-out images, what is seen of them, and what is predicted of them early and late, 0 black to 1 white.

    ``pixels (stage, image, row, column)``.
    """
    clear, seen, _ = (images[len(digits.train) :][:n_images] for images in _shown(digits, rng))
    state, stages, done = jnp.broadcast_to(network.initial_state, (n_images, network.n_states)), [clear, seen], 0
    there = in_safe_steps(network)
    for time in (EARLY, TIMES[-1]):
        step = round(time / there.dt)
        state, done = take_steps(there, state, jnp.asarray(seen), step - done), step
        stages.append(np.asarray(network.readout(state)))
    pixels = (np.stack(stages) - digits.black).reshape(4, n_images, 8, 8) / SCALE
    names = ["image", "seen", f"at {1000 * EARLY:.0f} ms", f"at {1000 * TIMES[-1]:.0f} ms"]
    return xr.Dataset({"pixels": (("stage", "image", "row", "column"), pixels)}, coords={"stage": names})


def _accuracy(
    network: PredictiveCoding, images: NDArray, digits: Digits, feedback: float, times: Sequence[float]
) -> list[float]:
    """At each time, on held-out images."""
    there = replace(in_safe_steps(network), feedback=feedback)
    state = jnp.broadcast_to(network.initial_state, (len(images), network.n_states))
    inputs, done, found = jnp.asarray(images), 0, []
    for time in times:
        step = round(time / there.dt)
        state, done = take_steps(there, state, inputs, step - done), step
        top = np.asarray(network.values(state)[-1], dtype=float)
        decoder = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        decoder.fit(top[: len(digits.train)], digits.train_class)
        found.append(float(decoder.score(top[len(digits.train) :], digits.test_class)))
    return found
