"""One of each network, small, with weights of full precision where a test asks for it."""

from collections.abc import Callable
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    GRU,
    LSTM,
    CallableSystem,
    Constrained,
    DelayFeedforward,
    Elman,
    EncoderDecoder,
    Jordan,
    Leaky,
    LowRank,
    SecondOrder,
    Stacked,
    TappedDelay,
    dale_signs,
    with_readout,
)


def in_double(module, rng: np.random.Generator):
    """The same with every weight, bias and initial value drawn anew in float64, so that none is 0 by chance."""
    return jax.tree.map(
        lambda x: jax.device_put(0.5 * rng.standard_normal(x.shape)) if eqx.is_inexact_array(x) else x, module
    )


@cache
def of_each() -> dict:
    """Systems of 3 inputs, by name; with 2 outputs where they have a readout."""
    rng = np.random.default_rng(0)
    signs, mask = dale_signs(5, excitatory=0.6), rng.random((5, 5)) < 0.6
    cells = {
        "elman": Elman.random(3, 5, nonlinearity="softplus", rng=rng),
        "leaky rate": Leaky.random(3, 5, recurrent=Constrained.random(5, mask=mask, sign=signs, rng=rng), rng=rng),
        "leaky current": Leaky.random(3, 5, recurrent=LowRank.random(5, 2, rng=rng), form="current", rng=rng),
        "gru": GRU.random(3, 5, rng=rng),
        "lstm": LSTM.random(3, 5, rng=rng),
        "second order": SecondOrder.random(3, 5, first_order=True, rng=rng),
        "stacked": Stacked((LSTM.random(3, 3, rng=rng), Leaky.random(3, 2, form="current", rng=rng))),
    }
    return {
        **{name: with_readout(cell, 2, rng=rng) for name, cell in cells.items()},
        "shortcut": with_readout(cells["gru"], 2, shortcut=True, rng=rng),
        "jordan": Jordan.random(3, 5, 2, memory=0.4, feedback_nonlinearity="sigmoid", rng=rng),
        "encoder-decoder": EncoderDecoder.random(3, 3, 2, go=1, slots=4, feedback="tanh", rng=rng),
        "tapped delay": TappedDelay.random(3, 2, taps=4, rng=rng),
        "delay feedforward": DelayFeedforward.random(3, 5, 2, taps=4, rng=rng),
        "callable": CallableSystem(_pendulum, 2, 3),
    }


def _pendulum(state, inputs):
    return jnp.stack([state[..., 0] + 0.1 * state[..., 1], state[..., 1] - jnp.sin(state[..., 0]) + inputs[..., 0]], -1)


NAMES = tuple(of_each())


@pytest.fixture(params=NAMES)
def name(request) -> str:
    """Of a system."""
    return request.param


@pytest.fixture
def double() -> Callable:
    """What redraws a module in float64."""
    return in_double


@pytest.fixture
def system(name):
    """One of each, in float32."""
    return of_each()[name]
