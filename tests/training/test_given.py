"""What readouts and learning rules make of odd things that are given: text, NaN, what does not vary."""

import numpy as np
import pytest

from neurorec.networks import SORN, FollowNetwork, PredictiveCoding, Reservoir
from neurorec.recording import InputError
from neurorec.training import (
    Commands,
    Dynamics,
    InverseCorrelation,
    InverseCorrelations,
    Plasticity,
    adapt,
    aligned_error,
    chaotic_network,
    fit_readout,
    linear_oscillator,
    load_patterns,
    recall,
    recursive_least_squares,
    teach_readout,
    train_follow,
    train_force,
    train_predictive_coding,
    train_readout,
    van_der_pol,
)

NAN, INF = float("nan"), float("inf")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


X = rng().standard_normal((40, 3))
Y = X @ np.ones((3, 2))
WAVE = np.sin(np.arange(160) * 0.7)[:, None]
LETTERS = np.eye(2)[np.arange(20) % 2]


def readout(**changed):
    return fit_readout(**({"states": X, "targets": Y} | changed))


def trained(**changed):
    reservoir = Reservoir.random(3, 8, rng=rng())
    return train_readout(**({"network": reservoir, "data": X, "targets": Y} | changed))


def chaotic(**changed):
    return chaotic_network(**({"n_units": 8, "density": 0.5, "rng": rng()} | changed))


def forced(**changed):
    options = {"network": chaotic(), "targets": WAVE[:20], "n_passes": 1, "n_test": 1, "rng": rng()}
    return train_force(**(options | changed))


def squares(**changed):
    return recursive_least_squares(**({"sources": X, "targets": Y} | changed))


def loaded(**changed):
    reservoir = Reservoir.random(1, 8, spectral_radius=1.5, density=0.5, bias_scaling=0.3, rng=rng())
    return load_patterns(**({"reservoir": reservoir, "patterns": [WAVE]} | changed))


def recalled(**changed):
    return recall(**({"loaded": loaded(), "conceptor": np.eye(8), "rng": rng()} | changed))


def sorn() -> SORN:
    return SORN.random(2, 20, n_synapses=4, rng=rng())


def adapted(**changed):
    return adapt(**({"network": sorn(), "inputs": LETTERS, "rng": rng()} | changed))


def learned(**changed):
    network = PredictiveCoding.random((3, 2), rng=rng())
    return train_predictive_coding(**({"network": network, "bottom": X, "n_epochs": 1, "rng": rng()} | changed))


def followed(**changed):
    network = FollowNetwork.random(8, 4, radius=1.0, command_radius=0.2, rng=rng())
    commands = Commands(held=(0.1, 0.1), noise=(0.0, 0.0), length=0.1)
    options = {"network": network, "dynamics": linear_oscillator(), "commands": commands, "seconds": 0.2, "rng": rng()}
    return train_follow(**(options | changed))


def drawn(**changed):
    return Commands(**({"held": (0.1, 0.1), "noise": (0.1, 0.1)} | changed)).draw(1e-3, rng=rng())


REFUSED = {
    "text states": lambda: readout(states="a"),
    "no units": lambda: readout(states=X[:, :0]),
    "no outputs": lambda: readout(targets=Y[:, :0]),
    "folds of NaN": lambda: readout(folds=NAN),
    "folds in words": lambda: readout(folds="five"),
    "a part of a fold": lambda: readout(folds=2.5),
    "a gap over all": lambda: readout(gap=1000),
    "a gap below 0": lambda: readout(gap=-1),
    "a gap of NaN": lambda: readout(gap=NAN),
    "a washout in words": lambda: readout(washout="a"),
    "endless weights": lambda: readout(weight=np.full(40, INF)),
    "no penalties": lambda: readout(penalties=[]),
    "penalties in words": lambda: readout(penalties="weak"),
    "trials of unequal lengths": lambda: trained(data=[X[:10], X[:20]], targets=[Y[:10], Y[:20]]),
    "units of half": lambda: chaotic(n_units=1.5),
    "a gain of NaN": lambda: chaotic(gain=NAN),
    "an endless bias": lambda: chaotic(bias=INF),
    "no network": lambda: forced(network=3),
    "text targets": lambda: forced(targets="a"),
    "every other half": lambda: forced(every=1.5),
    "every NaN": lambda: forced(every=NAN),
    "a penalty in words": lambda: forced(penalty="a"),
    "a seed": lambda: forced(rng=0),
    "text sources": lambda: squares(sources="a"),
    "weights of NaN": lambda: squares(weights=np.full((2, 3), NAN)),
    "half a source": lambda: InverseCorrelation(1.5),  # type: ignore[arg-type]
    "a source too many": lambda: InverseCorrelation(3).gain(np.zeros(4)),
    "sources too few for groups": lambda: InverseCorrelations(np.eye(3)).gains(np.zeros(1)),
    "a pattern for patterns": lambda: loaded(patterns=3),
    "a penalty of NaN": lambda: loaded(penalty=NAN),
    "an endless penalty": lambda: loaded(readout_penalty=INF),
    "half a washout": lambda: loaded(washout=1.5),
    "a pattern too many": lambda: loaded().conceptor(1),
    "a pattern from the end": lambda: loaded().conceptor(-1),
    "another conceptor": lambda: recalled(conceptor=np.eye(3)),
    "a conceptor in a row": lambda: recalled(conceptor=np.ones(8)),
    "a conceptor of NaN": lambda: recalled(conceptor=np.full((8, 8), NAN)),
    "another beginning": lambda: recalled(initial=np.zeros(3)),
    "a beginning of NaN": lambda: recalled(initial=np.full(8, NAN)),
    "less than no steps": lambda: recalled(n_steps=-1),
    "a washout from the end": lambda: recalled(washout=-300),
    "an output of NaN": lambda: aligned_error(WAVE * NAN, WAVE),
    "a pattern of NaN": lambda: aligned_error(WAVE, WAVE * NAN),
    "a pattern that stays": lambda: aligned_error(WAVE, 0 * WAVE),
    "plasticity of NaN": lambda: Plasticity(stdp=NAN),
    "plasticity in words": lambda: Plasticity(target_rate="low"),  # type: ignore[arg-type]
    "new synapses of NaN": lambda: Plasticity(new_synapses=NAN),
    "noise of NaN": lambda: adapted(noise=NAN),
    "a state of three": lambda: adapted(state=np.zeros(3)),
    "a state of NaN": lambda: adapted(state=np.full(24, NAN)),
    "another plasticity": lambda: adapted(plasticity=3),
    "text letters": lambda: adapted(inputs="AB"),
    "units for another readout": lambda: teach_readout(sorn(), np.ones((20, 5)), LETTERS),
    "an unknown rule": lambda: learned(rule="x"),
    "a rate of NaN": lambda: learned(learning_rate=NAN),
    "a rate below 0": lambda: learned(learning_rate=-1),
    "decay below 0": lambda: learned(decay=-1),
    "half a batch": lambda: learned(batch_size=1.5),
    "epochs below 0": lambda: learned(n_epochs=-1),
    "text images": lambda: learned(bottom="a"),
    "commands of NaN": lambda: drawn(held=(NAN, 0.1)),
    "commands for one": lambda: drawn(held=0.1),
    "endless commands": lambda: drawn(length=INF),
    "commands without a step": lambda: Commands((0.1,), (0.1,), (0.1,)).draw(0, rng=rng()),
    "an oscillator of no time": lambda: linear_oscillator(tau=0),
    "an oscillator of NaN": lambda: van_der_pol(mu=NAN),
    "a step backwards": lambda: linear_oscillator().follow(np.zeros((3, 2)), dt=-1),
    "terms that do not fit": lambda: Dynamics(np.ones((2, 3)), np.ones((2, 2), int)).follow(np.zeros((3, 2)), dt=0.1),
    "powers below 0": lambda: Dynamics(np.ones((2, 2)), -np.eye(2, dtype=int)).follow(np.zeros((3, 2)), dt=0.1),
    "endless learning": lambda: followed(seconds=INF),
    "learning of NaN": lambda: followed(learning_rate=NAN),
    "a look at NaN": lambda: followed(looks=[NAN]),
    "dynamics of three": lambda: followed(dynamics=3),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(said):
    with pytest.raises(InputError) as error:
        REFUSED[said]()
    assert "\n" not in str(error.value)


def test_targets_that_stay_the_same_are_read_and_have_no_error():
    found = readout(targets=np.full((40, 1), 3.0))
    np.testing.assert_allclose(found.outputs(X), 3.0, atol=1e-12)
    assert np.isnan(found.error).all()
    assert not found.converged.any()
    assert found.penalty == found.penalties.min()
    still = loaded(patterns=[np.ones((160, 1))])
    assert np.isnan(still.readout_error)
    assert np.isfinite(still.recurrent).all()


def test_fewer_steps_than_units_and_one_penalty_are_enough():
    found = fit_readout(X[:2], Y[:2], penalties=0.5)
    assert found.penalties.tolist() == [0.5]
    assert np.isfinite(found.weights).all()


def test_terms_in_lists_are_followed_as_those_in_arrays():
    command = np.full((5, 2), 0.1)
    listed = Dynamics([[1.0, 0.0], [0.0, 1.0]], [[1, 0], [0, 1]])  # type: ignore[arg-type]
    path = Dynamics(np.eye(2), np.eye(2, dtype=np.int64)).follow(command, dt=1e-3)
    np.testing.assert_array_equal(listed.follow(command, dt=1e-3), path)


def test_a_checkpoint_may_be_named_by_text(tmp_path):
    found = followed(checkpoint=str(tmp_path / "kept.npz"))
    assert (tmp_path / "kept.npz").exists()
    assert found.curve.sizes["trial"] == 2
