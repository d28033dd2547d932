"""What a report says beyond the results: where the data came from and how the numbers were made."""

from dataclasses import dataclass, field

import xarray as xr


@dataclass(frozen=True)
class SessionFacts:
    """One recording, as it was read and used.

    Attributes
    ----------
    name, file, sha256 : str
        The session, its file and the file's hash.
    subject : str
        As the file states it.
    activity : str
        What was analysed, for example ``"counts (spikes/bin)"``.
    bin_width : float
        Seconds.
    n_units : dict of str to int
        Units per area.
    n_trials : int
        Trials, or blocks.
    block_length : float
        Seconds, where blocks stand in for trials; otherwise 0.
    n_bins, n_bins_used : int
        Bins in the file, and in the fits.
    left_out : dict of str to int
        Bins left out of every model, by reason.
    doubts : tuple of str
        Sentences: what was unclear in the file.
    warnings : tuple of str
        What the user was told on the way.
    """

    name: str
    file: str = ""
    sha256: str = ""
    subject: str = ""
    activity: str = ""
    bin_width: float = 0.0
    n_units: dict[str, int] = field(default_factory=dict)
    n_trials: int = 0
    block_length: float = 0.0
    n_bins: int = 0
    n_bins_used: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """How the numbers were made.

    Attributes
    ----------
    command : str
        What to type to make them again.
    settings : str
        The text of study.toml.
    seed : int
        From which everything random follows.
    started : str
        Date and time.
    seconds : float
        Wall time of all stages together, those of earlier runs included.
    peak_memory : int
        Bytes.
    versions : dict of str to str
        Package and version.
    design : tuple of str
        What may predict activity, a term each.
    design_left_out : dict of str to str
        Columns and signals that the design leaves out, and why.
    failures : dict of str to str
        Sessions that could not be analysed, and why.
    simulated : bool
        Whether the data are simulated, which the report then says on top.
    """

    command: str = ""
    settings: str = ""
    seed: int = 0
    started: str = ""
    seconds: float = 0.0
    peak_memory: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    design: tuple[str, ...] = ()
    design_left_out: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    simulated: bool = False


_REASONS = {
    "n_bins_outside_trials": "outside trials",
    "n_bins_at_edges": "filters reach over an edge",
    "n_bins_missing_signal": "a signal is missing",
}


def session_facts(
    name: str, recording: xr.Dataset, counts: dict[str, int], *, sha256: str = "", warnings: tuple[str, ...] = ()
) -> SessionFacts:
    """Collect what a report says of a recording.

    Parameters
    ----------
    name : str
        The session.
    recording : xarray.Dataset
        As it was read.
    counts : dict of str to int
        Attributes ``n_bins...`` of the design.
    sha256 : str
        Hash of the file.
    warnings : tuple of str
        What the user was told on the way.

    Returns
    -------
    SessionFacts
    """
    activity, attrs = recording["activity"], recording.attrs
    names = recording["area"].values.astype(str)
    return SessionFacts(
        name=name,
        file=str(attrs.get("source", "")),
        sha256=sha256,
        subject=str(attrs.get("subject", "")),
        activity=f"{activity.attrs['kind']} ({activity.attrs['units']})",
        bin_width=float(activity.attrs["bin_width"]),
        n_units={area: int((names == area).sum()) for area in sorted(set(names))},
        n_trials=recording.sizes.get("trial", 0),
        block_length=float(attrs.get("block_length", 0.0)) if attrs.get("trials_are_blocks") else 0.0,
        n_bins=recording.sizes["time"],
        n_bins_used=int(counts.get("n_bins_used", 0)),
        left_out={reason: int(counts[key]) for key, reason in _REASONS.items() if counts.get(key)},
        doubts=tuple(filter(None, str(attrs.get("doubts", "")).split("\n"))),
        warnings=tuple(w for w in warnings if w not in str(attrs.get("doubts", ""))),
    )
