"""Networks trained in PyTorch, as systems."""

from collections.abc import Mapping
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from neurorec.networks.elman import Elman
from neurorec.networks.gru import GRU
from neurorec.networks.lstm import LSTM
from neurorec.networks.network import Cell, Network
from neurorec.networks.nonlinearity import Nonlinearity
from neurorec.networks.stacked import Stacked
from neurorec.networks.weights import zeros
from neurorec.recording import InputError

TorchKind = Literal["rnn", "gru", "lstm"]
_GATES: dict[str, int] = {"rnn": 1, "gru": 3, "lstm": 4}


def from_torch(
    state_dict: Mapping[str, Any],
    *,
    kind: TorchKind,
    readout: str | tuple[Any, Any] | None = None,
    nonlinearity: Nonlinearity = "tanh",
) -> Network:
    """A system from the state dict of a PyTorch ``nn.RNN``, ``nn.GRU`` or ``nn.LSTM``.

    PyTorch itself is not needed: values are read with ``numpy.asarray``; tensors are detached first.

    Parameters
    ----------
    state_dict : mapping of str to array
        ``module.state_dict()``, of the layer or of a model that holds one: names may have a prefix. One layer becomes
        an `Elman`, `GRU` or `LSTM` cell, several a `Stacked` one.
    kind : {"rnn", "gru", "lstm"}
        Which of them.
    readout : str or tuple of array, optional
        Where outputs come from: the name of a linear layer in the same state dict, such as ``"fc"``, or its weight
        ``(output, unit)`` and bias ``(output,)``. It sees the top layer. By default the outputs are the top layer's
        activity.
    nonlinearity : {"tanh", "relu"}
        Of an ``nn.RNN``; a state dict does not say it.

    Returns
    -------
    Network
        That starts from 0, as PyTorch's do. Its readout has a column for every layer's units, 0 below the top.

    Raises
    ------
    InputError
        For layers that run in both directions or have projections, names that are missing, shapes of another kind.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> shapes = {"weight_ih_l0": (5, 2), "weight_hh_l0": (5, 5), "bias_ih_l0": (5,), "bias_hh_l0": (5,)}
    >>> weights = {f"rnn.{name}": rng.standard_normal(shape) for name, shape in shapes.items()}
    >>> network = from_torch(weights, kind="rnn")
    >>> type(network.cell).__name__, network.n_inputs, network.n_outputs
    ('Elman', 2, 5)
    """
    if kind not in _GATES:
        remedy = "other layers can enter as CallableSystem"
        raise InputError("kind", expected=f"one of {', '.join(_GATES)}", found=repr(kind), remedy=remedy)
    prefix = _prefix(state_dict)
    cells = [_cell(_layer(state_dict, prefix, k, kind), kind, nonlinearity) for k in range(_count(state_dict, prefix))]
    cell = cells[0] if len(cells) == 1 else Stacked(tuple(cells))
    weight, bias = _readout(state_dict, readout, cells[-1].n_units)
    return Network(
        cell=cell,
        output=jnp.asarray(np.pad(weight, ((0, 0), (cell.n_units - cells[-1].n_units, 0))), dtype=jnp.float32),
        output_bias=jnp.asarray(bias, dtype=jnp.float32),
        initial=zeros(cell.n_states),
        frozen=("initial",),
    )


def _prefix(state_dict: Mapping[str, Any]) -> str:
    """What stands before the recurrent layer's own names."""
    first = "weight_ih_l0"
    found = [name.removesuffix(first) for name in state_dict if name.endswith(first)]
    if len(found) != 1:
        said = ", ".join(prefix or "''" for prefix in found) or f"names {', '.join(list(state_dict)[:4])}"
        remedy = "pass the state dict of that layer alone"
        raise InputError("state_dict", expected=f"one recurrent layer ({first})", found=said, remedy=remedy)
    for mark, what in (("_reverse", "runs in both directions"), ("weight_hr_", "projects its units")):
        if any(name.startswith(found[0]) and mark in name for name in state_dict):
            expected = "a layer that runs forward, without projection"
            remedy = "a system steps forward in time; train one of these"
            raise InputError("state_dict", expected=expected, found=f"one that {what}", remedy=remedy)
    return found[0]


def _count(state_dict: Mapping[str, Any], prefix: str) -> int:
    return sum(name.startswith(f"{prefix}weight_ih_l") for name in state_dict)


def _layer(state_dict: Mapping[str, Any], prefix: str, k: int, kind: str) -> list[NDArray]:
    """Input weights, recurrent weights, input bias and recurrent bias of a layer; biases 0 where it has none."""
    names = [f"{prefix}{part}_l{k}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    missing = [name for name in names[:2] if name not in state_dict]
    if missing:
        remedy = "pass the whole state dict of the layer"
        raise InputError("state_dict", expected=missing[0], found="no such name", remedy=remedy)
    arrays = [_numpy(state_dict[name]) for name in names if name in state_dict]
    rows, n_units = arrays[1].shape
    if rows != _GATES[kind] * n_units:
        fits = next((other for other, gates in _GATES.items() if rows == gates * n_units), "none of the kinds")
        expected = f"{_GATES[kind]} rows a unit for {kind!r}"
        raise InputError(names[1], expected=expected, found=f"shape {(rows, n_units)}", remedy=f"it looks like {fits}")
    return arrays if len(arrays) == 4 else [*arrays[:2], np.zeros(rows), np.zeros(rows)]


def _cell(layer: list[NDArray], kind: str, nonlinearity: Nonlinearity) -> Cell:
    into, recurrent, bias, past_bias = (jnp.asarray(values, dtype=jnp.float32) for values in layer)
    if kind == "rnn":
        return Elman(recurrent=recurrent, input=into, bias=bias + past_bias, nonlinearity=nonlinearity)
    if kind == "lstm":
        return LSTM(recurrent=recurrent, input=into, bias=bias + past_bias)
    gates = 2 * recurrent.shape[-1]  # reset and update: both of their biases act alike, the new gate's do not
    return GRU(
        recurrent=recurrent, input=into, bias=bias.at[:gates].add(past_bias[:gates]), reset_bias=past_bias[gates:]
    )


def _readout(state_dict: Mapping[str, Any], readout: str | tuple[Any, Any] | None, n_units: int) -> tuple:
    """Weight ``(output, unit of the top)`` and bias ``(output,)``."""
    if readout is None:
        return np.eye(n_units), np.zeros(n_units)
    if isinstance(readout, str):
        name = f"{readout}.weight"
        if name not in state_dict:
            linear = [key.removesuffix(".weight") for key in state_dict if key.endswith(".weight")]
            found = ", ".join(linear) or "no linear layer"
            raise InputError("readout", expected=f"a layer with {name}", found=found, remedy="name a layer")
        weight = _numpy(state_dict[name])
        bias = state_dict.get(f"{readout}.bias")
        bias = np.zeros(len(weight)) if bias is None else _numpy(bias)
    else:
        weight, bias = (_numpy(values) for values in readout)
    if weight.ndim != 2 or weight.shape[1] != n_units or bias.shape != weight.shape[:1]:
        found = f"{weight.shape} and {bias.shape}"
        expected = f"a weight (output, {n_units}) and a bias (output,)"
        raise InputError("readout", expected=expected, found=found, remedy="it sees the top layer's units")
    return weight, bias


def _numpy(values: Any) -> NDArray:
    """A tensor, or anything like an array, in NumPy."""
    for method in ("detach", "cpu"):
        if hasattr(values, method):
            values = getattr(values, method)()
    return np.asarray(values)
