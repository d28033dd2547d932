"""Where the bundled recordings lie."""

from pathlib import Path

from neurorec.recording import FileError

_DEMO = Path("two_areas_simulated") / "two_areas_simulated.nwb"
_HERE = Path(__file__).resolve().parent


def demo_path() -> Path:
    """Path of the bundled demo: a simulated recording of two areas, as an NWB file.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileError
        When the installation lacks it.

    Examples
    --------
    >>> demo_path().name
    'two_areas_simulated.nwb'
    """
    for folder in (_HERE / "bundled", _HERE.parents[1] / "datasets"):  # installed; in a checkout
        if (folder / _DEMO).is_file():
            return folder / _DEMO
    raise FileError(
        "demo recording",
        expected=f"{_DEMO.name} beside the package",
        found="nothing",
        remedy="install neurorec again, or write it: python -m neurorec.datasets PATH",
    )
