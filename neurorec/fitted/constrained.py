"""A data-constrained recurrent network: trained to follow recorded rates, unit by unit."""

import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.linalg.blas import dgemv, dger, dsymv, dsyr
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from neurorec.fitted.stretches import Stretches, cut_stretches
from neurorec.networks import Leaky, Network
from neurorec.recording import DataWarning, InputError

_HIGHEST = 0.99  # of a target: tanh never reaches 1
_EVERY = 5  # passes between looks at what it explains by itself
_PATIENCE = 4  # looks without growth
STATUS = ("no longer grows", "out of passes")


class ConstrainedFit(NamedTuple):
    """A network that was trained to follow recorded rates.

    Attributes
    ----------
    recurrent : ndarray (unit, source unit)
        J, of the best pass.
    rates : ndarray (time, unit)
        What the network did in a pass by itself with J, scaled as the targets; time as the targets'.
    explained : ndarray (pass,)
        pVar of every pass, with learning going on: it corrects the rates as they come, and is high from the beginning.
    explained_free : ndarray (pass,)
        pVar of a pass by itself, without learning, of the weights after every fifth pass; missing for others.
    status : str
        "no longer grows", or "out of passes" where more of them may explain more.
    scale : ndarray (unit,)
        What recorded rates were divided by.
    dt, tau, bin_width : float
        Step and time constant of the network, and bin of the targets, s.
    area : tuple of str (unit,)
    """

    recurrent: NDArray[np.float64]
    rates: NDArray[np.float64]
    explained: NDArray[np.float64]
    explained_free: NDArray[np.float64]
    status: str
    scale: NDArray[np.float64]
    dt: float
    tau: float
    bin_width: float
    area: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether more passes would not have explained more."""
        return self.status == STATUS[0]

    @property
    def best(self) -> float:
        """pVar of `rates`."""
        return float(np.nanmax(self.explained_free))

    @property
    def system(self) -> Network:
        """As a network: currents x as its state, an input to each unit (the noise it was trained with), rates out."""
        n_units = len(self.recurrent)
        one = jnp.asarray(np.eye(n_units, dtype=np.float32))
        zero = jnp.asarray(np.zeros(n_units, dtype=np.float32))
        cell = Leaky(
            recurrent=jnp.asarray(self.recurrent),
            input=one,
            bias=zero,
            dt=self.dt,
            tau=self.tau,
            noise=0.0,
            nonlinearity="tanh",
            form="current",
            area=tuple(str(a) for a in self.area),
        )
        return Network(cell=cell, output=one, output_bias=zero, initial=zero)


class ConstrainedSettings(NamedTuple):
    """How a network follows its targets (values of Perich et al. 2021, times in s).

    Attributes
    ----------
    gain : float
        Weights to begin with have variance ``gain^2 / n_units``.
    tau : float
        Time constant of the units.
    noise, noise_tau : float
        Standard deviation at the source, and time constant, of the filtered white noise into each unit.
    regularisation : float
        The inverse correlation matrix of recursive least squares begins as this times the identity.
    steps_per_bin : int
        Steps of the network in a bin.
    max_passes : int
        Passes over all targets.
    tol : float
        It has stopped growing when the pVar without learning gained less than this in twenty passes.
    """

    gain: float = 1.5
    tau: float = 0.01
    noise: float = 0.01
    noise_tau: float = 0.1
    regularisation: float = 1.0
    steps_per_bin: int = 5
    max_passes: int = 200
    tol: float = 1e-3


DEFAULTS = ConstrainedSettings()


def fit_constrained_arrays(
    targets: ArrayLike,
    *,
    bin_width: float,
    starts: ArrayLike | None = None,
    settings: ConstrainedSettings = DEFAULTS,
    area: tuple[str, ...] = (),
    scale: ArrayLike | None = None,
    rng: np.random.Generator,
) -> ConstrainedFit:
    r"""Train a recurrent network so that each of its units follows one target.

    :math:`\tau \dot x = -x + J r + h`, :math:`r = \tanh x`, with filtered white noise h. Once a bin the weights are
    corrected by recursive least squares, :math:`e = r - z`, :math:`k = P r`, :math:`c = 1 / (1 + r \cdot k)`,
    :math:`P \leftarrow P - c\, k k'`, :math:`J \leftarrow J - c\, e k'`, all units with one P (Perich et al. 2021,
    doi:10.1101/2020.12.18.423348; Sussillo and Abbott 2009, doi:10.1016/j.neuron.2009.07.018). At every start of a
    stretch the currents are set to those of the targets. What it explains is
    :math:`\mathrm{pVar} = 1 - (|z - r|_F / (\sqrt{N T}\, \mathrm{sd}(z)))^2`.

    Parameters
    ----------
    targets : array-like (time, unit)
        z, between -1 and 1 (those beyond .99 are cut).
    bin_width : float
        s.
    starts : array-like of int, optional
        First bins of stretches; by default one stretch.
    settings : ConstrainedSettings
    area : tuple of str (unit,)
    scale : array-like (unit,), optional
        What recorded rates were divided by, to be kept.
    rng : numpy.random.Generator
        Weights to begin with, and noise; the noise is the same in every pass.

    Returns
    -------
    ConstrainedFit

    Raises
    ------
    InputError
        For targets that are missing, do not vary or lie beyond -1 and 1, and steps longer than tau.

    Examples
    --------
    >>> t = np.arange(0, 2, 0.01)[:, None]
    >>> targets = 0.5 * np.sin(2 * np.pi * (t + np.arange(8) / 8))
    >>> fit = fit_constrained_arrays(targets, bin_width=0.01, rng=np.random.default_rng(0))
    >>> fit.best > 0.9, fit.status
    (True, 'no longer grows')
    """
    z = _check_targets(targets, bin_width, settings)
    n_time, n_units = z.shape
    dt = bin_width / settings.steps_per_bin
    first = np.zeros(n_time, dtype=bool)
    first[np.asarray([0] if starts is None else starts, dtype=np.int64)] = True
    first[0] = True
    # Fortran order: BLAS changes J and P where they lie
    J = np.asfortranarray(settings.gain / np.sqrt(n_units) * rng.standard_normal((n_units, n_units)))
    P = np.asfortranarray(settings.regularisation * np.eye(n_units))
    noise = _noise(n_time * settings.steps_per_bin, n_units, dt, settings, rng)
    leak, total = dt / settings.tau, float(z.size * z.var())

    def share(rates: NDArray) -> float:
        return 1 - float(np.square(rates - z).sum()) / total

    explained, free, best, best_J, waited = [], [], -np.inf, J.copy(order="F"), 0
    for k in range(1, settings.max_passes + 1):
        explained.append(share(_run_pass(J, P, z, first, noise, leak, settings.steps_per_bin)))
        look = k % _EVERY == 0 or k == settings.max_passes
        free.append(share(_run_pass(J, None, z, first, noise, leak, settings.steps_per_bin)) if look else np.nan)
        if not look:
            continue
        waited = 0 if free[-1] > best + settings.tol else waited + 1
        if free[-1] > best:
            best, best_J = free[-1], J.copy(order="F")
        if waited >= _PATIENCE:
            break
    rates = _run_pass(best_J, None, z, first, noise, leak, settings.steps_per_bin)
    status = STATUS[0] if waited >= _PATIENCE else STATUS[1]
    kept = np.ones(n_units) if scale is None else np.asarray(scale, dtype=float)
    return ConstrainedFit(
        best_J, rates, np.array(explained), np.array(free), status, kept, dt, settings.tau, bin_width, area
    )  # fmt: skip


def fit_constrained(
    recording: xr.Dataset,
    *,
    smoothing: float | None = None,
    settings: ConstrainedSettings = DEFAULTS,
    rng: np.random.Generator,
) -> ConstrainedFit:
    """Train a network of one unit for each recorded one on the smoothed rates of a recording's trials.

    Parameters
    ----------
    recording : xarray.Dataset
        With trials. Rates are divided by each unit's largest, so that all lie between 0 and .99.
    smoothing : float, optional
        Standard deviation of the Gaussian that counts are smoothed by within trials, s; by default two bins for counts,
        none for other activity.
    settings : ConstrainedSettings
    rng : numpy.random.Generator

    Returns
    -------
    ConstrainedFit
        ``rates`` are those of the bins inside trials, one after the other; see `area_currents`.

    Warns
    -----
    DataWarning
        Where the network by itself explains less than the mean rates do. With the published time constant, shorter than
        most bins, noisy rates of single trials are then followed only while weights are being corrected.

    Examples
    --------
    >>> from neurorec.datasets import SimulatedArea, simulate_recording
    >>> recording = simulate_recording([SimulatedArea("V1", 6)], n_trials=5, rng=np.random.default_rng(0))
    >>> settings = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=3)
    >>> fit = fit_constrained(recording, settings=settings, rng=np.random.default_rng(1))
    >>> fit.area, len(fit.explained), fit.status
    (('V1', 'V1', 'V1', 'V1', 'V1', 'V1'), 3, 'out of passes')
    """
    cut = cut_stretches(recording)
    width = float(recording["activity"].attrs["bin_width"])
    smooth, scale = targets_of(cut, smoothing_bins(recording, smoothing))
    fit = fit_constrained_arrays(
        smooth[cut.inside],
        bin_width=width,
        starts=np.cumsum(cut.n_bins) - cut.n_bins,
        settings=settings,
        area=tuple(str(a) for a in recording["area"].values),
        scale=scale,
        rng=rng,
    )
    if fit.best < 0:
        warnings.warn(
            f"by itself the network explains less than the mean rates (pVar {fit.best:.2g}): slow its units down (tau "
            f"is {settings.tau:g} s, bins are {width:g} s), smooth more, or average trials of a condition",
            DataWarning,
            stacklevel=2,
        )
    return fit


def smoothing_bins(recording: xr.Dataset, smoothing: float | None) -> float:
    """Standard deviation of the smoothing in bins; by default 2 for counts and 0 for other activity."""
    if smoothing is None:
        return 2.0 if recording["activity"].attrs["kind"] in ("counts", "binary") else 0.0
    return smoothing / float(recording["activity"].attrs["bin_width"])


def targets_of(
    cut: Stretches, width: float, scale: NDArray | None = None, *, until: NDArray | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smoothed activity ``(stretch, time, unit)`` divided by each unit's largest, and that ``(unit,)``.

    Bins outside, and from `until (stretch,)` on, take no part: what is smoothed there is weighted anew.
    """
    inside = cut.inside.astype(float)
    if until is not None:
        inside = inside * (np.arange(inside.shape[1]) < until[:, None])
    smooth = cut.activity * inside[..., None]
    if width > 0:
        options = {"sigma": width, "axis": 1, "mode": "constant"}
        weight = gaussian_filter1d(inside, **options)
        smooth = gaussian_filter1d(smooth, **options) / np.maximum(weight, 1e-12)[..., None]
        smooth = smooth * inside[..., None]
    if scale is None:
        largest = np.abs(smooth).max(axis=(0, 1))
        scale = np.where(largest > 0, largest, 1.0) / _HIGHEST
    return np.clip(smooth / scale, -_HIGHEST, _HIGHEST), scale


def _check_targets(targets: ArrayLike, bin_width: float, settings: ConstrainedSettings) -> NDArray[np.float64]:
    z = np.asarray(targets, dtype=np.float64)
    if z.ndim != 2 or not np.isfinite(z).all() or not z.std() > 0 or np.abs(z).max() > 1:
        found = f"shape {z.shape}" if z.ndim != 2 else f"{np.min(z):g} to {np.max(z):g}"
        remedy = "divide each unit's rates by the largest"
        raise InputError("targets", expected="(time, unit), varying, within -1 and 1", found=found, remedy=remedy)
    if not 0 < bin_width / settings.steps_per_bin <= settings.tau:
        found = f"{bin_width / settings.steps_per_bin:g} s and tau {settings.tau:g} s"
        remedy = "take more steps_per_bin, or slower units"
        raise InputError("bin_width", expected="steps no longer than tau", found=found, remedy=remedy)
    return np.clip(z, -_HIGHEST, _HIGHEST)


def _noise(
    n: int, n_units: int, dt: float, settings: ConstrainedSettings, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Filtered white noise ``(step, unit)``: ``tau_n dh/dt = -h + amplitude sqrt(tau_n / dt) xi``."""
    keep = 1 - dt / settings.noise_tau
    kick = settings.noise * np.sqrt(settings.noise_tau / dt) * rng.standard_normal((n, n_units))
    return lfilter([1 - keep], [1, -keep], kick, axis=0)  # type: ignore[return-value]


def _run_pass(
    J: NDArray, P: NDArray | None, z: NDArray, first: NDArray, noise: NDArray, leak: float, n_steps: int
) -> NDArray[np.float64]:
    """Rates ``(time, unit)`` of a pass over the targets; J and P are corrected in place, unless P is None."""
    out, step = np.empty_like(z), 0
    x, r, buffer = np.arctanh(z[0]), z[0].copy(), np.empty(z.shape[1])
    for t in range(len(z)):
        if first[t]:
            r[:] = z[t]
            np.arctanh(r, out=x)
            step += n_steps
        else:
            for _ in range(n_steps):
                np.add(dgemv(1.0, J, r), noise[step], out=buffer)
                x += leak * (buffer - x)
                np.tanh(x, out=r)
                step += 1
        out[t] = r
        if P is not None and not first[t]:
            k = dsymv(1.0, P, r)
            c = 1.0 / (1.0 + r @ k)
            dsyr(-c, k, a=P, overwrite_a=1)
            dger(-c, r - z[t], k, a=J, overwrite_a=1, overwrite_x=0, overwrite_y=0)
    return out
