"""Networks from PyTorch give its numbers: ``pytorch.npz`` holds weights of PyTorch 2.15 and what it made of them."""

from pathlib import Path

import numpy as np
import pytest

from neurorec.networks import Stacked, from_torch, run
from neurorec.recording import InputError

REFERENCE = dict(np.load(Path(__file__).with_name("pytorch.npz")))


class Tensor:
    """What a tensor of PyTorch looks like to NumPy: to be detached and brought to the CPU first."""

    def __init__(self, values, ready=""):
        self.values, self.ready = values, ready

    def detach(self):
        return Tensor(self.values, self.ready + "d")

    def cpu(self):
        return Tensor(self.values, self.ready + "c")

    def __array__(self, dtype=None, copy=None):
        assert self.ready == "dc"
        return self.values


def state_dict(name: str) -> dict:
    start = f"{name}.weights."
    return {k.removeprefix(start): v for k, v in REFERENCE.items() if k.startswith(start)}


@pytest.mark.parametrize(("name", "layers"), [("rnn", 2), ("rnn_relu", 1), ("gru", 1), ("gru", 2), ("lstm", 2)])
def test_outputs_are_those_of_pytorch(name, layers):
    weights = {k: Tensor(v) for k, v in state_dict(f"{name}.{layers}").items()}
    kind, nonlinearity = name.split("_")[0], "relu" if "relu" in name else "tanh"
    network = from_torch(weights, kind=kind, readout="fc", nonlinearity=nonlinearity)
    assert isinstance(network.cell, Stacked) == (layers == 2)
    states = run(network, REFERENCE["inputs"])
    found, expected = network.readout(states), REFERENCE[f"{name}.{layers}.outputs"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    top = network.activity(states)[..., -3:]
    np.testing.assert_allclose(top, REFERENCE[f"{name}.{layers}.activity"], rtol=1e-5, atol=1e-6)


def test_without_a_readout_outputs_are_the_top_layers_activity():
    rows = {k: v for k, v in state_dict("gru.2").items() if k.startswith("rec.")}
    network = from_torch({k.removeprefix("rec."): v for k, v in rows.items()}, kind="gru")
    outputs = network.readout(run(network, REFERENCE["inputs"]))
    np.testing.assert_allclose(outputs, REFERENCE["gru.2.activity"], rtol=1e-5, atol=1e-6)


def test_biases_may_be_missing_and_the_readout_may_be_given():
    weights = {k: v for k, v in state_dict("lstm.1").items() if "bias" not in k}
    network = from_torch(weights, kind="lstm", readout=(np.ones((1, 3)), [0.5]))
    assert not np.asarray(network.cell.bias).any()
    assert network.readout(network.initial_state).tolist() == [0.5]


def test_refusals_teach():
    gru = state_dict("gru.1")
    with pytest.raises(InputError, match="both directions"):
        from_torch({**gru, "rec.weight_ih_l0_reverse": gru["rec.weight_ih_l0"]}, kind="gru")
    with pytest.raises(InputError, match="projects"):
        from_torch({**gru, "rec.weight_hr_l0": gru["rec.weight_ih_l0"]}, kind="gru")
    with pytest.raises(InputError, match="looks like gru"):
        from_torch(gru, kind="lstm")
    with pytest.raises(InputError, match="one of rnn, gru, lstm"):
        from_torch(gru, kind="transformer")
    with pytest.raises(InputError, match="one recurrent layer"):
        from_torch({"fc.weight": np.eye(2)}, kind="gru")
    with pytest.raises(InputError, match="one recurrent layer"):
        from_torch({**gru, "second.weight_ih_l0": gru["rec.weight_ih_l0"]}, kind="gru")
    with pytest.raises(InputError, match="found fc"):
        from_torch(gru, kind="gru", readout="head")
    with pytest.raises(InputError, match="top layer"):
        from_torch(gru, kind="gru", readout=(np.eye(2), np.zeros(2)))
    with pytest.raises(InputError, match="weight_hh_l0"):
        from_torch({k: v for k, v in gru.items() if "hh" not in k}, kind="gru")
