"""Populations of spiking units: what is the same for all units of one, and the synapses that depend on their past."""

from dataclasses import dataclass

from neurorec.recording import InputError, are_numbers, check_count, check_number


@dataclass(frozen=True)
class Population:
    """Leaky integrate-and-fire units of one kind. Voltages are measured from rest.

    ``tau dv/dt = -v + drive + synapses``; at ``v >= threshold`` a unit spikes, and its voltage is held at ``reset``
    through the refractory period.

    Parameters
    ----------
    name : str
        Becomes the area of its units in a recording.
    n_units : int
        Units.
    tau : float
        Time constant of the membrane, s.
    threshold, reset : float
        mV above rest.
    refractory : float
        s; rounded to steps.
    drive : float
        Constant input, mV: the voltage that it alone leads to.
    background_rate : float
        Spikes/s of private Poisson input to each unit, all its synapses together.
    background_weight : float
        What one of these spikes adds to the voltage, mV.

    Raises
    ------
    InputError
        Times, rates and voltages that cannot be.

    Examples
    --------
    >>> Population("E", 800, threshold=20.0, reset=10.0).tau
    0.02
    >>> Population("E", 800, threshold=10.0, reset=20.0)
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: threshold: expected above reset (mV), found 10.0 and 20.0; lower the reset
    """

    name: str
    n_units: int
    tau: float = 0.02
    threshold: float = 20.0
    reset: float = 10.0
    refractory: float = 0.002
    drive: float = 0.0
    background_rate: float = 0.0
    background_weight: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_units", check_count("n_units", self.n_units, remedy="give each kind units"))
        if not are_numbers(self.tau, self.refractory) or not self.tau > 0 or not self.refractory >= 0:
            found = f"tau {self.tau} s and refractory {self.refractory} s"
            expected, remedy = "tau above 0, refractory 0 or more (s)", "such as 0.02 s and 0.002 s"
            raise InputError("tau and refractory", expected=expected, found=found, remedy=remedy)
        if not are_numbers(self.threshold, self.reset) or not self.threshold > self.reset:
            found = f"{self.threshold} and {self.reset}"
            raise InputError("threshold", expected="above reset (mV)", found=found, remedy="lower the reset")
        check_number("background_rate", self.background_rate, least=0, unit="spikes/s", remedy="inhibit by its weight")
        for name in ("drive", "background_weight"):
            check_number(name, getattr(self, name), unit="mV", remedy="0 is none")


@dataclass(frozen=True)
class ShortTerm:
    """How a synapse's strength follows its recent use (Markram, Wang & Tsodyks 1998, doi:10.1073/pnas.95.9.5323).

    A spike releases ``u r`` of the weight. Between spikes r returns to 1 with time constant D and y to 0 with F; at a
    spike ``u = U + (1 - U) y``, then ``r <- r - u r`` and ``y <- u``.

    Parameters
    ----------
    U : float
        Share released by the first spike, in (0, 1].
    D, F : float
        Time constants of depression and facilitation, s, above 0.
    spread : float
        Of U, D and F over synapses: standard deviation over mean; values outside of what can be are drawn again from
        a uniform distribution between 0 and twice the mean (U: at most 1).

    Raises
    ------
    InputError
        Numbers outside of these.

    Examples
    --------
    >>> ShortTerm(0.5, 1.1, 0.05).U
    0.5
    """

    U: float
    D: float
    F: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        real = are_numbers(self.U, self.D, self.F, self.spread)
        if not real or not 0 < self.U <= 1 or not self.D > 0 or not self.F > 0 or not self.spread >= 0:
            found = f"U {self.U}, D {self.D} s, F {self.F} s, spread {self.spread}"
            expected, remedy = "0 < U <= 1, D and F above 0 (s), spread 0 or more", "see ShortTerm"
            raise InputError("short-term plasticity", expected=expected, found=found, remedy=remedy)
