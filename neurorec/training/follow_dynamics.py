"""Dynamics to be followed, and the commands that drive them."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from neurorec.recording import InputError, are_numbers, check_array, check_number, check_rng


@njit(nogil=True, cache=True, error_model="numpy")
def _velocity(coefficient, power, x, push, out):
    """Polynomials at x, and what pushes."""
    for a in range(len(x)):
        out[a] = push[a]
    for m in range(power.shape[0]):
        term = 1.0
        for a in range(len(x)):
            for _ in range(power[m, a]):
                term *= x[a]
        for a in range(len(x)):
            out[a] += coefficient[a, m] * term


@njit(nogil=True, cache=True, error_model="numpy")
def _follow(coefficient, power, push, x, dt, path):
    """Runge-Kutta steps of the fourth order, what pushes held in each."""
    k = np.empty((4, len(x)))
    for t in range(len(push)):
        _velocity(coefficient, power, x, push[t], k[0])
        _velocity(coefficient, power, x + 0.5 * dt * k[0], push[t], k[1])
        _velocity(coefficient, power, x + 0.5 * dt * k[1], push[t], k[2])
        _velocity(coefficient, power, x + dt * k[2], push[t], k[3])
        x = x + dt / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])
        path[t] = x


class Dynamics(NamedTuple):
    r"""Polynomial dynamics under a command: :math:`dx/dt = \sum_m c_m \prod_a x_a^{p_{ma}} + u / \tau`.

    Attributes
    ----------
    coefficient : ndarray (state, term)
        c, units of the state per s.
    power : ndarray of int (term, state)
        p.
    tau : float
        s: the command's channels push the states, one each.

    Examples
    --------
    >>> dynamics = van_der_pol()
    >>> dynamics.velocity([1.0, 2.0]).tolist()     # x2 / 0.125, (2 (1 - 1) 2 - 1) / 0.125
    [16.0, -8.0]
    """

    coefficient: NDArray[np.float64]
    power: NDArray[np.int64]
    tau: float = 0.02

    def velocity(self, states: ArrayLike) -> NDArray[np.float64]:
        """dx/dt at states ``(..., state)`` without a command, per s."""
        states = np.asarray(states, dtype=float)
        terms = np.prod(states[..., None, :] ** self.power, axis=-1)
        return terms @ self.coefficient.T

    def follow(self, command: ArrayLike, *, dt: float, start: ArrayLike | None = None) -> NDArray[np.float64]:
        """States ``(time, state)`` after each step of dt (s) under commands ``(time, state)``, from 0 or a start.

        Raises
        ------
        InputError
            Commands of another number of channels, and coefficients, powers or times that cannot be.
        """
        command, dt = check_array("command", command, "(time, state)"), check_number("dt", dt, above=0, unit="s")
        size = len(self.coefficient)
        x = np.zeros(size) if start is None else check_array("start", start, "(state,)").copy()
        coefficient = np.ascontiguousarray(check_array("coefficient", self.coefficient, "(state, term)"))
        power = check_array("power", self.power, "(term, state)")
        if coefficient.ndim != 2 or power.shape != coefficient.shape[::-1] or (power < 0).any() or (power % 1).any():
            found, expected = f"{coefficient.shape} and {power.shape}", "(state, term), and whole (term, state) from 0"
            raise InputError("coefficient and power", expected=expected, found=found, remedy="see Dynamics")
        check_number("tau", self.tau, above=0, unit="s")
        if command.ndim != 2 or command.shape[1] != size or x.shape != (size,):
            found, expected = f"{command.shape} and {x.shape}", f"(time, {size}) and ({size},)"
            raise InputError("command and start", expected=expected, found=found, remedy="a channel for each state")
        path = np.empty(command.shape)
        _follow(coefficient, power.astype(np.int64), command / self.tau, x, float(dt), path)
        return path


def linear_oscillator(*, tau: float = 0.1, decay: float = 0.2) -> Dynamics:
    """A damped oscillator: ``tau dx1/dt = -decay x1 - x2``, ``tau dx2/dt = x1 - decay x2``; its period is 2 pi tau.

    Examples
    --------
    >>> linear_oscillator().velocity([1.0, 0.0]).tolist()
    [-2.0, 10.0]
    """
    tau, decay = check_number("tau", tau, above=0, unit="s"), check_number("decay", decay)
    return Dynamics(np.array([[-decay, -1.0], [1.0, -decay]]) / tau, np.eye(2, dtype=np.int64))


def van_der_pol(*, mu: float = 2.0, tau: float = 0.125) -> Dynamics:
    """The oscillator of van der Pol: ``tau dx1/dt = x2``, ``tau dx2/dt = mu (1 - x1^2) x2 - x1``."""
    mu, tau = check_number("mu", mu), check_number("tau", tau, above=0, unit="s")
    power = np.array([[1, 0], [0, 1], [2, 1]])
    return Dynamics(np.array([[0.0, 1.0, 0.0], [-1.0, mu, -mu]]) / tau, power)


class Commands(NamedTuple):
    """Random commands, trial by trial: a vector held throughout, and noise or a pulse on top of it.

    Attributes
    ----------
    held : tuple of float (command,)
        The vector's direction is drawn evenly, then its parts are multiplied by these.
    noise : tuple of float (command,)
        Noise is uniform between plus and minus these, and anew every `every`.
    pulse : tuple of float (command,)
        The same as `held`, for the first 0.1 s of a trial only.
    length : float
        Of a trial, s.
    every : float
        s.
    """

    held: tuple[float, ...]
    noise: tuple[float, ...]
    pulse: tuple[float, ...] = (0.0, 0.0)
    length: float = 2.0
    every: float = 0.05

    def draw(self, dt: float, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Commands of a trial in steps of dt (s), ``(time, command)``.

        Raises
        ------
        InputError
            Different numbers of channels, and times that are shorter than a step.

        Examples
        --------
        >>> commands = Commands(held=(0.1, 0.1), noise=(0.0, 0.0), length=1.0)
        >>> float(np.linalg.norm(commands.draw(0.001, rng=np.random.default_rng(0)), axis=1).max().round(3))
        0.1
        """
        dt, rng = check_number("dt", dt, above=0, unit="s"), check_rng(rng)
        parts = [tuple(part) if np.iterable(part) else () for part in (self.held, self.noise, self.pulse)]
        if not parts[0] or not are_numbers(*sum(parts, ()), self.length, self.every):
            expected, found = "finite numbers, a channel or more", " ".join(repr(self).split())
            raise InputError("commands", expected=expected, found=found, remedy="see Commands")
        n, size, hold = round(self.length / dt), len(self.held), round(self.every / dt)
        if len(self.noise) != size or len(self.pulse) != size or min(n, hold) < 1:
            found = f"{size}, {len(self.noise)}, {len(self.pulse)} channels; {self.length:g} s, {self.every:g} s"
            expected = f"as many channels of each, and times of at least {dt:g} s"
            raise InputError("commands", expected=expected, found=found, remedy="see Commands")
        steps = rng.uniform(-1, 1, (-(-n // hold), size)) * self.noise
        command = np.repeat(steps, hold, axis=0)[:n] + _direction(size, rng) * self.held
        command[: round(_PULSE / dt)] += _direction(size, rng) * self.pulse
        return command


def _direction(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    drawn = rng.standard_normal(size)
    return drawn / np.linalg.norm(drawn)


_PULSE = 0.1  # s
