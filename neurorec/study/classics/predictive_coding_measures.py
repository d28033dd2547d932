"""What is measured of predictive coding: where it settles, what it learns, and how far that is from backpropagation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from neurorec.dynamics import find_fixed_points
from neurorec.networks import PredictiveCoding, run, settle_predictions
from neurorec.training import (
    LocalTraining,
    arrival_updates,
    backpropagated_updates,
    local_updates,
    train_predictive_coding,
    update_angles,
)

Units = Literal["tanh", "linear"]
N_TRAIN, SCALE = 1297, 1.5  # images to learn from, the other 500 are held out; pixels are 0 to SCALE, less their mean
HIERARCHY, CLASSIFIER = (64, 32, 16), (10, 64, 64)  # units of each layer, the bottom first
DT, TAU = 0.001, 0.02  # s
VARIANCES = (1.0, 10.0, 100.0, 1000.0)  # of the output
STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500)
WAYS: tuple[Literal["settled", "arrival", "backpropagation"], ...] = ("settled", "arrival", "backpropagation")


class Digits(NamedTuple):
    """The bundled images of handwritten digits, 8 x 8, split.

    Attributes
    ----------
    train, test : ndarray (image, pixel)
        Less the mean of the training images.
    train_class, test_class : ndarray of int (image,)
        0 to 9.
    black : ndarray (pixel,)
        What a black pixel is.
    """

    train: NDArray[np.float32]
    test: NDArray[np.float32]
    train_class: NDArray[np.int64]
    test_class: NDArray[np.int64]
    black: NDArray[np.float32]


def split_digits(rng: np.random.Generator) -> Digits:
    """A random split of the digits."""
    pixels, classes = (np.asarray(part) for part in load_digits(return_X_y=True))
    order = rng.permutation(len(pixels))
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    x = SCALE * pixels / 16
    mean = x[train].mean(axis=0)
    x = (x - mean).astype(np.float32)
    return Digits(x[train], x[test], classes[train], classes[test], -mean.astype(np.float32))


def in_safe_steps(network: PredictiveCoding, longest: float = DT) -> PredictiveCoding:
    """The same with the longest step, halved as often as it must be, at which values do not swing to and fro."""
    while longest > 0.5 * replace(network, clamped="neither").largest_step():
        longest /= 2
    return replace(network, dt=longest)


@eqx.filter_jit
def take_steps(network: PredictiveCoding, state: jax.Array, inputs: jax.Array, n_steps: int) -> jax.Array:
    """The state ``(..., state)`` after so many steps."""
    return jax.lax.fori_loop(0, n_steps, lambda _, now: network.step(now, inputs), state)


def one_hot(classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """1 for the class ``(image, class)``."""
    return np.eye(10, dtype=np.float32)[classes]


def learn_hierarchy(
    digits: Digits, *, nonlinearity: Units = "tanh", n_epochs: int, rng: np.random.Generator
) -> LocalTraining:
    """A hierarchy that has found the causes of the training images by itself."""
    network = PredictiveCoding.random(HIERARCHY, nonlinearity=nonlinearity, dt=DT, tau=TAU, gain=0.3, rng=rng)
    return train_predictive_coding(
        network, digits.train, n_settling=40, n_epochs=n_epochs, learning_rate=2e-3, decay=0.01, rng=rng
    )


def settling(network: PredictiveCoding, images: NDArray, *, n_steps: int = 300) -> xr.Dataset:
    """Energies over time, and where L-BFGS, linear equations and the search for fixed points come to instead.

    ``energy (image, time)`` in float64; ``minimum (image)`` by L-BFGS from the same start; ``settled (image)`` once
    values stand still; ``fixed (image)`` the distance of the fixed point found nearby, root mean squared over units;
    attrs: ``linear_error``, the largest distance of values of a linear hierarchy from the exact solution.
    """
    with jax.enable_x64(True):
        double = in_double(network)
        double = replace(double, dt=min(double.tau, 0.9 * double.largest_step()))
        x = jnp.asarray(images, dtype=jnp.float64)
        states = run(double, jnp.broadcast_to(x, (n_steps, *x.shape)))
        energy = np.asarray(double.energy(states, x)).T
        rest = settle_predictions(double, x, tolerance=1e-10, max_steps=200_000)
        least = _minima(double, x)
        linear = _linear_error(replace(double, nonlinearity="linear"), x)
    away = []
    for image, state in zip(images[:2], np.asarray(rest.state), strict=False):
        found = find_fixed_points(network, state[None] + 0.05, inputs=image)
        gaps = np.sqrt(((found.points - state) ** 2).mean(axis=1)) if len(found.points) else np.array([np.inf])
        away.append(float(gaps.min()))
    time = np.arange(1, n_steps + 1) * double.dt
    return xr.Dataset(
        {
            "energy": (("image", "time"), energy), "minimum": ("image", least),
            "settled": ("image", np.asarray(rest.energy)), "fixed": ("point", away),
        },
        coords={"time": ("time", time, {"units": "s"})},
        attrs={"linear_error": linear, "converged": int(rest.converged), "n_steps": rest.n_steps},
    )  # fmt: skip


def in_double(network: PredictiveCoding) -> PredictiveCoding:
    """The same in float64, where that is enabled."""
    return jax.tree.map(lambda w: jnp.asarray(np.asarray(w), dtype=jnp.float64), network)


def _minima(network: PredictiveCoding, images: jax.Array) -> list[float]:
    """By L-BFGS from 0, for each image."""
    n, n_seen = sum(network.sizes), network.sizes[0]

    @jax.jit
    def energy(free: jax.Array, image: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.value_and_grad(lambda v: network.energy(jnp.concatenate([image, v, jnp.zeros(n)]), image))(free)

    found = [
        minimize(
            lambda v, image: [np.asarray(part, dtype=float) for part in energy(v, image)], np.zeros(n - n_seen),
            args=(image,), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000},
        )
        for image in images
    ]  # fmt: skip
    return [float(one.fun) for one in found]


def _linear_error(network: PredictiveCoding, images: jax.Array) -> float:
    """Largest distance of settled values from those at which the gradient of F, linear in them, is 0."""
    network = replace(network, dt=min(network.tau, 0.9 * network.largest_step()))
    n, n_seen = sum(network.sizes), network.sizes[0]

    def force(free: jax.Array, image: jax.Array) -> jax.Array:
        return jax.grad(lambda v: network.energy(jnp.concatenate([image, v, jnp.zeros(n)]), image))(free)

    zero = jnp.zeros(n - n_seen)
    curvature = jax.jacfwd(force)(zero, images[0])
    exact = -jnp.linalg.solve(curvature, jax.vmap(force, (None, 0))(zero, images).T).T
    rest = settle_predictions(network, images, tolerance=1e-11, max_steps=200_000)
    return float(jnp.abs(rest.state[..., n_seen:n] - exact).max())


def reconstruction(network: PredictiveCoding, digits: Digits) -> tuple[float, float]:
    """Squared error of held-out images, of their variance: of the settled hierarchy, and of PCA of the same rank."""
    rest = settle_predictions(network, digits.test, tolerance=1e-3, max_steps=3000)
    said = np.asarray(network.readout(rest.state))
    pca = PCA(network.sizes[1]).fit(digits.train)
    known = pca.inverse_transform(pca.transform(digits.test))
    total = (digits.test**2).sum()
    return float(((digits.test - said) ** 2).sum() / total), float(((digits.test - known) ** 2).sum() / total)


def classifier(output_variance: float, *, rng: np.random.Generator) -> PredictiveCoding:
    """From an image, at the top, to its class, at the bottom."""
    variance = [output_variance, *np.ones(len(CLASSIFIER) - 2), np.inf]
    return PredictiveCoding.random(CLASSIFIER, variance=variance, clamped="top", dt=0.1 * TAU, tau=TAU, rng=rng)


def classification(
    seeds: Sequence[int], *, n_epochs: int, output_variance: float = 10.0, tick: Callable[[], object]
) -> xr.Dataset:
    """``accuracy (way, network)`` on held-out digits: classifiers by how they learnt, and logistic regression."""
    rows = []
    for seed in seeds:
        digits, row = split_digits(np.random.default_rng([seed, 0])), []
        for way in WAYS:
            rng = np.random.default_rng([seed, 1])  # the same start and order
            network = classifier(output_variance, rng=rng)
            learnt = train_predictive_coding(
                network, one_hot(digits.train_class), digits.train, updates=way, n_epochs=n_epochs, learning_rate=2e-3,
                rng=rng,
            ).network  # fmt: skip
            said = learnt.readout(learnt.swept(jnp.asarray(digits.test)))
            row.append(float((np.asarray(said).argmax(axis=1) == digits.test_class).mean()))
            tick()
        plain = LogisticRegression(max_iter=3000).fit(digits.train, digits.train_class)
        rows.append([*row, float(plain.score(digits.test, digits.test_class))])
    return xr.Dataset(
        {"accuracy": (("way", "network"), np.transpose(rows))}, coords={"way": [*WAYS, "logistic regression"]}
    )


def angles(seeds: Sequence[int], *, tick: Callable[[], object], sizes: Sequence[int] = (10, 32, 32, 64)) -> xr.Dataset:
    """Angles between updates of predictive coding and of backpropagation, degrees.

    ``angle (network, variance, step, layer)`` after steps of settling; ``arrival (network, layer)`` of updates on
    arrival; ``size (network, layer)`` their size over that of backpropagation; ``shuffled (network, layer)`` of
    settled updates whose synapses have been permuted.
    """
    kinds = {"angle": [], "arrival": [], "size": [], "shuffled": []}
    for seed in seeds:
        with jax.enable_x64(True):
            for name, value in _angles(seed, sizes).items():
                kinds[name].append(value)
        tick()
    over = {"angle": ("network", "variance", "step", "layer")}
    return xr.Dataset(
        {name: (over.get(name, ("network", "layer")), np.stack(value)) for name, value in kinds.items()},
        coords={"variance": list(VARIANCES), "step": list(STEPS)},
    )


def _angles(seed: int, sizes: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng([seed, 2])
    digits = split_digits(rng)
    rows = rng.choice(N_TRAIN, 64, replace=False)
    top, bottom = (jnp.asarray(v[rows], dtype=jnp.float64) for v in (digits.train, one_hot(digits.train_class)))
    drawn = PredictiveCoding.random(sizes, clamped="both", dt=0.1 * TAU, tau=TAU, rng=rng)
    inputs, found = jnp.concatenate([bottom, top], axis=1), []
    for variance in VARIANCES:
        rest = [variance, *np.ones(len(sizes) - 2), np.inf]
        network = replace(in_double(drawn), variance=jnp.asarray(rest, dtype=jnp.float64))
        aim = backpropagated_updates(network, bottom, top)
        state, row = network.swept(top), []
        for before, k in pairwise((0, *STEPS)):
            state = take_steps(network, state, inputs, k - before)
            row.append(update_angles(local_updates(network, state), aim))
        settled = local_updates(network, state)
        found.append(row)
    plain = replace(network, variance=network.variance.at[0].set(1.0))
    aim, arrived = (f(plain, bottom, top) for f in (backpropagated_updates, arrival_updates))
    pairs = zip(arrived.weights, aim.weights, strict=True)
    sizes_of = [float(jnp.linalg.norm(a) / jnp.linalg.norm(b)) for a, b in pairs]
    mixed = tuple(jnp.asarray(rng.permutation(np.asarray(w).ravel()).reshape(w.shape)) for w in settled.weights)
    return {
        "angle": np.array(found), "arrival": update_angles(arrived, aim), "size": np.array(sizes_of),
        "shuffled": update_angles(settled._replace(weights=mixed), aim),
    }  # fmt: skip
