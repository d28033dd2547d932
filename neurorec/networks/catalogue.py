"""Networks by name, with defaults that learn."""

import difflib

import numpy as np

from neurorec.networks.delays import DelayFeedforward, TappedDelay
from neurorec.networks.elman import Elman
from neurorec.networks.encoder_decoder import EncoderDecoder
from neurorec.networks.gru import GRU
from neurorec.networks.jordan import Jordan
from neurorec.networks.leaky import Leaky
from neurorec.networks.lstm import LSTM
from neurorec.networks.network import Cell, with_readout
from neurorec.networks.second_order import SecondOrder
from neurorec.networks.stacked import Stacked
from neurorec.networks.system import System
from neurorec.recording import InputError

NETWORKS: dict[str, str] = {
    "elman": "hidden units that see themselves a step ago, orthogonal weights at first",
    "leaky": "rate units in continuous time, tau 0.1 s (a step, where steps are longer), with private noise",
    "jordan": "hidden units that see the last output, through a tanh",
    "lstm": "long short-term memory, forget gates open at first",
    "gru": "gated recurrent units",
    "second_order": "inputs multiply recurrent weights; tanh units, with first-order terms, so that any input will do",
    "stacked": "two leaky layers, half of the units each, all of them read out",
    "encoder_decoder": "two LSTMs of half of the units each, one after the other; the last input switches",
    "tapped_delay": "linear in the last inputs, 20 taps (no units of its own)",
    "delay_feedforward": "hidden units that see the last inputs, 20 taps",
}


def build_network(
    kind: str,
    n_inputs: int,
    n_outputs: int,
    *,
    n_units: int = 64,
    dt: float = 0.02,
    taps: int = 20,
    go: int | None = None,
    rng: np.random.Generator,
) -> System:
    """A network of a kind, with weights drawn at random.

    Parameters
    ----------
    kind : str
        One of `neurorec.networks.NETWORKS`, which says what each is. The classes themselves have more options.
    n_inputs, n_outputs : int
        Channels in and out, of a task: ``len(task.input_names)``, ``len(task.output_names)``.
    n_units : int
        Units in all.
    dt : float
        Time step of networks in continuous time, s: ``task.dt``.
    taps : int
        Steps that "tapped_delay" and "delay_feedforward" see, the newest included.
    go : int, optional
        Input channel that switches the "encoder_decoder" from taking in to answering; by default the last one.
    rng : numpy.random.Generator
        Everything random.

    Returns
    -------
    System
        Ready to be run, or trained.

    Raises
    ------
    InputError
        For a kind that is not known.

    Examples
    --------
    >>> network = build_network("gru", 3, 2, n_units=16, rng=np.random.default_rng(0))
    >>> network.n_inputs, network.n_units, network.n_outputs
    (3, 16, 2)
    """
    if kind not in NETWORKS:
        near = difflib.get_close_matches(kind.lower(), NETWORKS, n=1, cutoff=0.0)[0]
        expected = f"one of {', '.join(NETWORKS)}"
        raise InputError("network", expected=expected, found=repr(kind), remedy=f"did you mean {near!r}?")
    if min(n_inputs, n_outputs, taps) < 1 or n_units < 2 or not dt > 0:
        found = f"{n_inputs} inputs, {n_outputs} outputs, {n_units} units, {taps} taps and dt {dt:g} s"
        raise InputError("network", expected="positive sizes, and 2 units or more", found=found, remedy="raise them")
    if kind == "jordan":
        return Jordan.random(n_inputs, n_units, n_outputs, feedback_nonlinearity="tanh", rng=rng)
    if kind == "encoder_decoder":
        go = n_inputs - 1 if go is None else go
        return EncoderDecoder.random(n_inputs, n_units // 2, n_outputs, go=go, feedback="tanh", rng=rng)
    if kind == "tapped_delay":
        return TappedDelay.random(n_inputs, n_outputs, taps=taps, rng=rng)
    if kind == "delay_feedforward":
        return DelayFeedforward.random(n_inputs, n_units, n_outputs, taps=taps, rng=rng)
    return with_readout(_cell(kind, n_inputs, n_units, dt, rng), n_outputs, rng=rng)


def _cell(kind: str, n_inputs: int, n_units: int, dt: float, rng: np.random.Generator) -> Cell:
    if kind == "second_order":
        # a sigmoid's slope of 1/4 lets gradients vanish within a few steps; the paper's is the default of the class
        return SecondOrder.random(n_inputs, n_units, nonlinearity="tanh", first_order=True, rng=rng)
    if kind in ("leaky", "stacked"):
        tau = max(0.1, dt)
        if kind == "leaky":
            return Leaky.random(n_inputs, n_units, dt=dt, tau=tau, rng=rng)
        below = Leaky.random(n_inputs, (n_units + 1) // 2, dt=dt, tau=tau, rng=rng)
        return Stacked((below, Leaky.random(below.n_units, n_units // 2, dt=dt, tau=tau, rng=rng)))
    gated = {"elman": Elman, "lstm": LSTM, "gru": GRU}
    return gated[kind].random(n_inputs, n_units, rng=rng)
