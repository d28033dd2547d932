"""Models beside each other: what each predicts of held-out trials from what it may see of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neurorec.fitted.constrained import ConstrainedSettings, fit_constrained_arrays, smoothing_bins, targets_of
from neurorec.fitted.coupled_glm import GLMSystem
from neurorec.fitted.glm_fitting import PENALTIES, fit_coupled_glm
from neurorec.fitted.glm_simulating import inputs_of
from neurorec.fitted.linear import Kind, LinearFit, fit_linear_arrays
from neurorec.fitted.splitting import Predicted, Split, of_units
from neurorec.glm import choose_penalty, fit_population, predict_mean

Predictor = Callable[[Split], Predicted]
# Slower units than the published 10 ms: with these a unit's own last rate predicts it best, and all that is learned
# is that. Few passes, as more of them learn the noise of single trials.
FOR_TRIALS = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=10)
_PRIOR_TRIALS = 5.0  # of the mean over all conditions, in that of one
_READOUT_FOLDS = 4
_CALIBRATION, _NEWTON = 1e-3, 30  # penalty of one slope, and steps to it
_TOL = 1e-3  # of linear systems: what is gained beyond is seen in no prediction


def average_predictor(split: Split) -> Predicted:
    """The average over training trials of each condition, which no single trial's activity changes.

    That of a condition is drawn towards that of all as if by five trials more, this as much towards the unit's mean;
    then smoothed by one bin.
    """
    s = split.session
    whole = _averages(split, split.train)[s.condition[split.test]]
    few = _averages(split, split.few)[s.condition[split.test]][..., split.unseen]
    return Predicted(whole, whole, few, True)


def glm_predictor(stages: tuple[str, ...]) -> Predictor:
    """GLMs of some of the design's groups of columns: "task" alone is uncoupled.

    Held-out units are predicted by the task and the past of the others; forward, expected counts are fed back. Readouts
    from few trials are of the log rates that the model predicts of the units it was fitted to.
    """

    def predict(split: Split) -> Predicted:
        s, train = split.session, split.session.bins_of(split.train)
        whole = fit_coupled_glm(s.recording, s.design, stages=stages, bins=train, n_jobs=1, rng=split.rng)
        converged, apart = bool(whole.converged.all()), whole
        source = s.design["source"].values
        if (source >= 0).any() and stages != ("task",):
            others = (source < 0) | (s.group[source] != s.group[:, None])
            apart = fit_coupled_glm(
                s.recording, s.design, stages=stages, bins=train, allowed=others, n_jobs=1, rng=split.rng
            )
            converged &= bool(apart.converged.all())
        inputs, counts = _stretched(inputs_of(whole.system, s.design), s.cut.bins), s.cut.activity
        known = one_step(apart.system, counts, inputs)
        until = s.until[split.test]
        ahead = rolled_out(whole.system, counts[split.test], inputs[split.test], until, whole.ceiling)
        recording, design = of_units(s, split.seen)
        part = fit_coupled_glm(recording, design, stages=stages, bins=train, n_jobs=1, rng=split.rng)
        features = np.log(np.maximum(one_step(part.system, counts[..., split.seen], inputs), 1e-9))
        few = readout_rates(split, features)
        return Predicted(known[split.test], ahead, few, converged and bool(part.converged.all()))

    return predict


def linear_predictor(n_states: int, observation: Kind, *, max_iter: int = 100) -> Predictor:
    """Linear dynamical systems: held-out units from states smoothed over the whole trial, later bins from earlier."""

    def fitted(split: Split, units: NDArray | None) -> LinearFit:
        train = split.session.cut.of(split.train)
        activity = train.activity if units is None else train.activity[..., units]
        options = {"n_bins": train.n_bins, "observation": observation, "max_iter": max_iter, "tol": _TOL}
        return fit_linear_arrays(activity, n_states, **options)

    def predict(split: Split) -> Predicted:
        s, fit = split.session, fitted(split, None)
        test = s.cut.of(split.test)
        co = np.empty(test.activity.shape)
        for group in range(int(s.group.max()) + 1):
            seen, unseen = np.flatnonzero(s.group != group), np.flatnonzero(s.group == group)
            states = fit.infer(test.activity[..., seen], n_bins=test.n_bins, units=seen).states
            co[..., unseen] = fit.seen.of(unseen).rate(states.mean, states.spread[states.group])
        part = fitted(split, split.seen)
        features = part.infer(s.cut.activity[..., split.seen], n_bins=s.cut.n_bins).states.mean
        ahead = continued(fit, test.activity, s.until[split.test])
        return Predicted(co, ahead, readout_rates(split, features), fit.converged and part.converged)

    return predict


def network_predictor(settings: ConstrainedSettings = FOR_TRIALS, *, smoothing: float | None = None) -> Predictor:
    """Data-constrained networks: held-out units run freely with the others held at their recorded rates.

    Forward, the network runs freely from the smoothed rates of the last bin seen. A network has no likelihood: its
    rates r are read out as ``exp(a + b r)`` for each unit, a and b (not negative) learned on training trials in the
    same condition. Readouts from few trials are of the currents that the recorded rates would cause.
    """

    def predict(split: Split) -> Predicted:
        s, rng = split.session, split.rng
        train, width = s.cut.of(split.train), smoothing_bins(s.recording, smoothing)
        smooth, scale = targets_of(train, width)
        starts = np.cumsum(train.n_bins) - train.n_bins
        options = {"bin_width": s.bin_width, "starts": starts, "settings": settings}
        fit = fit_constrained_arrays(smooth[train.inside], rng=rng, **options)
        leak, beginning = fit.dt / fit.tau, smooth[:, 0].mean(axis=0)
        target, _ = targets_of(s.cut, width, scale)
        co = np.empty(target.shape)
        for group in range(int(s.group.max()) + 1):
            mine = s.group == group
            co[..., mine] = clamped(fit.recurrent, target, ~mine, beginning, leak, settings)[..., mine]
        early, _ = targets_of(s.cut, width, scale, until=s.until)
        ahead = freed(fit.recurrent, early, s.until, leak, settings)
        later = np.arange(target.shape[1]) >= s.until[:, None]
        part = fit_constrained_arrays(smooth[train.inside][:, split.seen], rng=rng, **options)
        few = readout_rates(split, target[..., split.seen] @ part.recurrent.T)
        found = calibrated(split, co, s.scored), calibrated(split, ahead, s.scored & later)
        return Predicted(*found, few, fit.converged and part.converged)

    return predict


def calibrated(split: Split, rates: NDArray, used: NDArray) -> NDArray[np.float64]:
    """Rates ``exp(a + b r)`` of the test stretches; a and b of each unit from the bins used of training stretches."""
    s = split.session
    mine = used[split.train]
    r, y = rates[split.train][mine], s.cut.activity[split.train][mine]
    slope, centre = np.zeros(r.shape[1]), r.mean(axis=0)
    x, mean = r - centre, np.maximum(y.mean(axis=0), 1e-9)
    for _ in range(_NEWTON):  # b, the rates' mean being kept by a: concave, and one number a unit
        weight = np.exp(np.clip(slope * x, -20, 20))
        weight = weight / weight.sum(axis=0)
        tilted = (weight * x).sum(axis=0)
        bend = mean * ((weight * x**2).sum(axis=0) - tilted**2) + _CALIBRATION
        pull = (y * x).mean(axis=0) - mean * tilted - _CALIBRATION * slope
        slope = np.maximum(slope + np.clip(pull / bend, -1, 1), 0.0)
    level = mean / np.exp(np.clip(slope * x, -20, 20)).mean(axis=0)
    return level * np.exp(np.clip(slope * (rates[split.test] - centre), -20, 20))


def one_step(system: GLMSystem, counts: NDArray, inputs: NDArray) -> NDArray[np.float64]:
    """Expected counts of every bin from the recorded past ``(stretch, time, unit)``, nothing before the first bin."""
    eta = inputs @ system.input.T + system.bias
    for lag in range(min(system.n_lags, counts.shape[1] - 1)):
        eta[:, lag + 1 :] += counts[:, : -lag - 1] @ system.coupling[:, lag].T
    return _mean_of(eta, system.family)


def rolled_out(
    system: GLMSystem, counts: NDArray, inputs: NDArray, until: NDArray, ceiling: NDArray
) -> NDArray[np.float64]:
    """Expected counts from `until (stretch,)` on, by steps of the system that are fed back; before, the counts."""
    past, n_lags = counts.copy(), system.n_lags
    drive = inputs @ system.input.T + system.bias
    for t in range(int(until.min()), counts.shape[1]):
        going = np.flatnonzero(until <= t)
        eta = drive[going, t]
        for lag in range(min(n_lags, t)):
            eta = eta + past[going, t - lag - 1] @ system.coupling[:, lag].T
        past[going, t] = np.minimum(_mean_of(eta, system.family), ceiling)
    return past


def continued(fit: LinearFit, activity: NDArray, until: NDArray) -> NDArray[np.float64]:
    """Expected activity from `until (stretch,)` on, given what came before ``(stretch, time, unit)``."""
    found = fit.infer(activity, n_bins=until).states
    A, rows = fit.dynamics.transition, np.arange(len(until))
    x, P = found.mean[rows, until - 1], found.spread[found.group, until - 1]
    out = np.zeros(activity.shape)
    for t in range(int(until.min()), activity.shape[1]):
        going = until <= t
        x = np.where(going[:, None], x @ A.T, x)
        P = np.where(going[:, None, None], A @ P @ A.T + fit.dynamics.noise, P)
        out[going, t] = fit.seen.rate(x, P)[going]
    return out


def clamped(
    J: NDArray, target: NDArray, held: NDArray, beginning: NDArray, leak: float, settings: ConstrainedSettings
) -> NDArray[np.float64]:
    """Rates of units that run freely ``(stretch, time, unit)`` while others are held at their targets."""
    out = target.copy()
    x = np.broadcast_to(np.arctanh(beginning), target[:, 0].shape).copy()
    for t in range(target.shape[1]):
        for _ in range(settings.steps_per_bin):
            r = np.where(held, target[:, t], np.tanh(x))
            x += leak * (r @ J.T - x)
        out[:, t] = np.where(held, target[:, t], np.tanh(x))
    return out


def freed(
    J: NDArray, target: NDArray, until: NDArray, leak: float, settings: ConstrainedSettings
) -> NDArray[np.float64]:
    """Rates from `until (stretch,)` on, of a network that starts at the targets of the bin before."""
    out = target.copy()
    x = np.arctanh(target[np.arange(len(until)), until - 1])
    for t in range(int(until.min()), target.shape[1]):
        new = x.copy()
        for _ in range(settings.steps_per_bin):
            new += leak * (np.tanh(new) @ J.T - new)
        going = until <= t
        x = np.where(going[:, None], new, x)
        out[going, t] = np.tanh(x[going])
    return out


def readout_rates(split: Split, features: NDArray) -> NDArray[np.float64]:
    """Rates of the unseen units ``(test stretch, time, unit)``, by Poisson GLMs of features learned from few trials.

    Features ``(stretch, time, feature)`` of all stretches; penalties are chosen among the few.
    """
    s = split.session
    used, trial = s.scored[split.few], np.arange(split.few.size)
    X, Y = features[split.few][used], s.cut.activity[split.few][..., split.unseen][used]
    mean, spread = X.mean(axis=0), X.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)
    X = (X - mean) / spread
    n_folds = min(_READOUT_FOLDS, split.few.size)
    fold = np.broadcast_to((trial % n_folds)[:, None], used.shape)[used]
    choice = choose_penalty(X, Y, fold, PENALTIES, n_jobs=1)
    fit = fit_population(X, Y, penalty=choice.penalty, n_jobs=1)
    new = (features[split.test] - mean) / spread
    flat = predict_mean(new.reshape(-1, new.shape[2]), fit.coef, fit.intercept)
    return flat.reshape(*new.shape[:2], -1).astype(np.float64)


def _averages(split: Split, which: NDArray) -> NDArray[np.float64]:
    """Average counts by condition ``(condition, time, unit)``."""
    s = split.session
    inside, counts = s.cut.inside[which].astype(float), s.cut.activity[which]
    everywhere = (counts.sum(axis=(0, 1)) / inside.sum())[None]
    overall = (counts.sum(axis=0) + _PRIOR_TRIALS * everywhere) / (inside.sum(axis=0)[:, None] + _PRIOR_TRIALS)
    out = np.empty((int(s.condition.max()) + 1, *overall.shape))
    for k in range(len(out)):
        mine = s.condition[which] == k
        n = inside[mine].sum(axis=0)[:, None]
        out[k] = (counts[mine].sum(axis=0) + _PRIOR_TRIALS * overall) / (n + _PRIOR_TRIALS)
    return gaussian_filter1d(out, 1.0, axis=1, mode="nearest")


def _stretched(values: NDArray, bins: NDArray) -> NDArray[np.float64]:
    """Values ``(time, ...)`` of the recording in its stretches, 0 in the padding."""
    out = values[np.maximum(bins, 0)].astype(np.float64)
    out[bins < 0] = 0.0
    return out


def _mean_of(eta: NDArray, family: str) -> NDArray[np.float64]:
    if family == "poisson":
        return np.exp(np.minimum(eta, 50.0))
    return 1 / (1 + np.exp(-eta)) if family == "bernoulli" else eta
