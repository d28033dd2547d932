"""What networks make of odd things that are given: text, NaN, NumPy's numbers, shapes that do not fit, precisions."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    SORN,
    ConceptorNetwork,
    Convolutional,
    DenseMemory,
    Hopfield,
    PredictiveCoding,
    Reservoir,
    TunedIntegrator,
    adapt_aperture,
    conceptor,
    conceptor_of_correlations,
    recall,
    reservoir_states,
    reservoir_weights,
    run,
    settle_predictions,
)
from neurorec.recording import InputError

NAN, INF = float("nan"), float("inf")
PATTERNS = np.array([[1.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, 1.0]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def reservoir(**changed) -> Reservoir:
    return Reservoir.random(**({"n_inputs": 2, "n_units": 6, "density": 0.5, "rng": rng()} | changed))


def echo(**changed):
    return reservoir_states(**({"recurrent": np.eye(2), "input": np.ones((2, 1)), "inputs": np.ones((3, 1))} | changed))


def kept(**changed) -> ConceptorNetwork:
    parts = {"recurrent": jnp.eye(3), "bias": jnp.zeros(3), "output": jnp.ones((1, 3))}
    return ConceptorNetwork(**(parts | {"output_bias": jnp.zeros(1), "initial": jnp.zeros(3)} | changed))


def sorn(**changed) -> SORN:
    return SORN.random(**({"n_inputs": 2, "n_units": 20, "n_synapses": 4, "rng": rng()} | changed))


def eye(**changed) -> TunedIntegrator:
    return TunedIntegrator.tuned(**({"n_units": 6, "rng": rng()} | changed))


def hierarchy(**changed) -> PredictiveCoding:
    return PredictiveCoding.random(**({"sizes": (4, 3, 2), "rng": rng()} | changed))


def visual(**changed) -> Convolutional:
    return Convolutional.random(**({"side": 4, "n_maps": (2, 3), "n_outputs": 2, "rng": rng()} | changed))


REFUSED = {
    "text for a radius": lambda: reservoir(spectral_radius="0.9"),
    "text for a leak": lambda: reservoir(leak="1"),
    "an endless step": lambda: reservoir(dt=INF),
    "parts of a unit": lambda: reservoir(n_units=6.5),
    "text for inputs": lambda: reservoir(n_inputs="2"),
    "a seed": lambda: reservoir(rng=0),
    "a bias too short": lambda: replace(reservoir(), bias=jnp.zeros(2)),
    "a start too short": lambda: replace(reservoir(), initial=jnp.zeros(2)),
    "an output bias too long": lambda: replace(reservoir(), output_bias=jnp.zeros(2)),
    "an output of one axis": lambda: replace(reservoir(), output=jnp.ones(6)),
    "weights in lists": lambda: replace(reservoir(), recurrent=[[1.0]]),  # type: ignore[arg-type]
    "a negative radius": lambda: reservoir_weights(4, spectral_radius=-1, rng=rng()),
    "a radius that is NaN": lambda: reservoir_weights(4, spectral_radius=NAN, rng=rng()),
    "no leak": lambda: echo(leak=0),
    "too large a leak": lambda: echo(leak=2),
    "an unknown way": lambda: echo(way="quick"),
    "NaN inputs": lambda: echo(inputs=np.full((3, 1), NAN)),
    "infinite weights": lambda: echo(recurrent=np.full((2, 2), INF)),
    "text inputs": lambda: echo(inputs=[["a"]]),
    "a number for weights": lambda: echo(recurrent=1.0),
    "a bias of others": lambda: echo(bias=[1.0, 2.0, 3.0]),
    "a state of others": lambda: echo(state=np.zeros((3, 2))),
    "targets too few": lambda: reservoir(feedback_scaling=1.0).forced_states(np.zeros((5, 2)), np.zeros((4, 1))),
    "targets without axis": lambda: reservoir(feedback_scaling=1.0).forced_states(np.zeros((5, 2)), np.zeros(5)),
    "inputs without axis": lambda: run(reservoir(), np.zeros(5)),
    "inputs of others": lambda: run(hierarchy(), np.zeros((5, 3))),
    "inputs as text": lambda: run(reservoir(), "a"),
    "states of others": lambda: run(reservoir(), np.zeros((5, 2)), state=np.zeros(3)),
    "states beside": lambda: run(reservoir(), np.zeros((5, 3, 2)), state=np.zeros((2, 6))),
    "text states": lambda: conceptor([["a"]]),
    "an aperture in words": lambda: conceptor(np.eye(2), aperture="wide"),  # type: ignore[arg-type]
    "an aperture without a square": lambda: conceptor(np.eye(2), aperture=1e-200),
    "correlations with NaN": lambda: conceptor_of_correlations([[NAN]]),
    "correlations of two kinds": lambda: conceptor_of_correlations(np.ones((2, 3))),
    "one correlation": lambda: conceptor_of_correlations(1.0),
    "negative correlations": lambda: conceptor_of_correlations(-np.eye(2)),
    "correlations without symmetry": lambda: conceptor_of_correlations([[1.0, 0.5], [0.0, 1.0]]),
    "a factor in words": lambda: adapt_aperture(np.eye(2), "twice"),  # type: ignore[arg-type]
    "no step": lambda: kept(dt=0),
    "outputs of one axis": lambda: kept(output=jnp.ones(3)),
    "another output bias": lambda: kept(output_bias=jnp.zeros(2)),
    "text patterns": lambda: Hopfield.stored([["a"]]),
    "ragged patterns": lambda: Hopfield.stored([[1], [1, -1]]),
    "a steepness that is NaN": lambda: Hopfield.stored(PATTERNS, steepness=NAN),
    "another dual": lambda: Hopfield(jnp.eye(3), jnp.ones((2, 3)), jnp.zeros(3)),
    "another diagonal": lambda: Hopfield(jnp.eye(3), jnp.eye(3), jnp.zeros(2)),
    "no weights": lambda: Hopfield.from_weights(np.zeros((0, 0))),
    "a degree that is NaN": lambda: DenseMemory.stored(PATTERNS, degree=NAN),  # type: ignore[arg-type]
    "an endless degree": lambda: DenseMemory.stored(PATTERNS, degree=INF),  # type: ignore[arg-type]
    "an endless steepness": lambda: DenseMemory.stored(PATTERNS, interaction="softmax", steepness=INF),
    "text for the softmax": lambda: DenseMemory.stored([["a"]], interaction="softmax"),
    "part of a sweep": lambda: recall(Hopfield.stored(PATTERNS), PATTERNS, max_sweeps=1.5, rng=rng()),  # type: ignore
    "no memory": lambda: recall(3, PATTERNS, rng=rng()),  # type: ignore[arg-type]
    "a seed for recall": lambda: recall(Hopfield.stored(PATTERNS), PATTERNS, rng=0),  # type: ignore[arg-type]
    "synapses that are NaN": lambda: sorn(n_synapses=NAN),
    "a threshold that is NaN": lambda: sorn(threshold=NAN),
    "a density above 1": lambda: sorn(inhibitory_density=2.0),
    "part of a letter": lambda: sorn(n_inputs=1.5),
    "weights without axes": lambda: replace(sorn(), from_inhibitory=jnp.zeros(())),
    "an eye of NaN": lambda: eye(largest=NAN),
    "a rate of NaN": lambda: eye(half_rate=NAN),
    "a mistuning of NaN": lambda: eye(mistuning=NAN),
    "one threshold less": lambda: replace(eye(), threshold=jnp.zeros(5)),
    "an input without axis": lambda: replace(eye(), input=jnp.zeros(6)),
    "nowhere": lambda: eye().state_at(NAN),
    "a variance less": lambda: hierarchy(variance=[1.0, 1.0]),
    "a gain of NaN": lambda: hierarchy(gain=NAN),
    "a feedback of NaN": lambda: hierarchy(feedback=NAN),
    "an endless error": lambda: hierarchy(error_tau=INF),
    "one number for sizes": lambda: hierarchy(sizes=3),
    "an image of others": lambda: settle_predictions(hierarchy(), np.ones(3)),
    "an image of one": lambda: settle_predictions(hierarchy(), 1.0),
    "an infinite image": lambda: settle_predictions(hierarchy(), np.full(4, INF)),
    "another beginning": lambda: settle_predictions(hierarchy(), np.ones(4), state=np.zeros(3)),
    "part of a step": lambda: settle_predictions(hierarchy(), np.ones(4), max_steps=1.5),  # type: ignore[arg-type]
    "a tolerance below 0": lambda: settle_predictions(hierarchy(), np.ones(4), tolerance=-1),
    "half a map": lambda: visual(n_maps=(2.5,)),
    "text for a kernel": lambda: visual(kernel="3"),
    "no outputs": lambda: visual(n_outputs=0),
    "a side that is NaN": lambda: visual(side=NAN),
    "one bias of two": lambda: replace(visual(), bias=visual().bias[:1]),
    "other output biases": lambda: replace(visual(), output_bias=jnp.zeros(3)),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(said):
    with pytest.raises(InputError) as error:
        REFUSED[said]()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (reservoir, "leak", np.float32(0.5)),
        (reservoir, "n_units", 6.0),
        (eye, "mistuning", np.float32(0.25)),
        (hierarchy, "dt", np.float32(0.0078125)),
        (hierarchy, "sizes", np.array([4, 3, 2])),
        (visual, "side", np.int64(4)),
        (visual, "kernel", 3.0),
        (sorn, "n_units", 20.0),
    ],
)
def test_numbers_of_numpy_are_those_of_python(make, name, value):
    like = value.tolist() if isinstance(value, np.ndarray | np.generic) else int(value)
    given, plain = make(**{name: value}), make(**{name: like})
    assert jax.tree.structure(given) == jax.tree.structure(plain)  # with all that is static
    for one, other in zip(jax.tree.leaves(given), jax.tree.leaves(plain), strict=True):
        np.testing.assert_array_equal(one, other)


def test_degrees_of_numpy_count_too():
    memories = [DenseMemory.stored(PATTERNS, degree=degree) for degree in (3, np.int64(3), 3.0)]  # type: ignore[arg-type]
    assert {memory.degree for memory in memories} == {3}
    for memory in memories:
        assert recall(memory, PATTERNS, rng=rng()).converged.all()


def test_apertures_far_out_are_the_limits():
    one = np.diag([0.5, 1.0, 0.0])
    np.testing.assert_array_equal(adapt_aperture(one, 1e-200), adapt_aperture(one, 0.0))
    np.testing.assert_array_equal(adapt_aperture(one, 1e200), adapt_aperture(one, np.inf))


def test_states_and_inputs_share_their_leading_axes():
    for network in (reservoir(), hierarchy(), visual(lateral=True)):
        n_states, inputs = network.initial_state.shape[-1], np.ones((4, network.n_inputs))
        state = np.linspace(0, 1, 3 * n_states).reshape(3, n_states)
        beside = np.asarray(run(network, inputs, state=state))
        assert beside.shape == (4, 3, n_states)
        alone = [run(network, inputs, state=each) for each in state]
        np.testing.assert_allclose(beside, np.stack(alone, axis=1), atol=2e-6)
        given = run(network, np.repeat(inputs[:, None], 3, axis=1), state=state[0])
        np.testing.assert_allclose(given[:, 2], alone[0], atol=2e-6)


def test_whole_numbers_for_states_are_numbers():
    for network in (reservoir(), Hopfield.stored(PATTERNS, update="synchronous", steepness=2.0), sorn()):
        state = np.ones(network.initial_state.shape[-1])
        inputs = np.zeros((3, network.n_inputs))
        np.testing.assert_array_equal(run(network, inputs, state=state.astype(int)), run(network, inputs, state=state))


@pytest.mark.parametrize("make", [reservoir, sorn, eye, hierarchy, visual], ids=lambda make: make.__name__)
def test_either_precision_goes_through_in_any_order(make):
    network = make()
    n_states, inputs = network.initial_state.shape[-1], np.ones((3, 2, network.n_inputs))
    single = run(network, inputs)
    with jax.enable_x64(True):
        for state in (None, np.zeros(n_states), jnp.zeros(n_states, dtype=jnp.float32)):
            assert np.isfinite(run(network, inputs, state=state)).all()
        exact = run(network, inputs, state=network.initial_state.astype(jnp.float64))
        assert exact.dtype == jnp.float64
    np.testing.assert_allclose(single, exact, atol=1e-3 if make is eye else 1e-5)
    assert run(network, inputs).dtype == jnp.float32


def test_no_examples_settle_at_once():
    settled = settle_predictions(hierarchy(), np.zeros((0, 4)))
    assert settled.converged
    assert settled.state.shape == (0, 18)
    assert settled.energy.shape == (0,)
