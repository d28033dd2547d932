"""The manifest: what was run, on what, with what, and how it went."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from neurorec.study.config import StudyConfig
from neurorec.study.session import Session
from neurorec.study.stages import StageRecord, code_version, write_text

_PACKAGES = ("neurorec", "numpy", "scipy", "pandas", "xarray", "h5netcdf", "statsmodels", "matplotlib")


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a number or a figure."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass
class Manifest:
    """What happened in a run; written again as each session ends.

    Attributes
    ----------
    command : str
        As it was typed.
    config : StudyConfig
        Settings, with the design once it is known.
    settings_sha256 : str
        Of study.toml as it was written, to tell whether it was edited since.
    sessions : list of Session
        With the hashes of their files.
    records : dict of str to list of StageRecord
        Finished stages by session; those of all sessions together under ``pooled``.
    failures : dict of str to str
        Why a session takes no part.
    status : str
        ``"running"`` or ``"finished"``.
    """

    command: str
    config: StudyConfig
    settings_sha256: str = ""
    sessions: Sequence[Session] = ()
    records: dict[str, list[StageRecord]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    status: str = "running"
    started: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))

    @property
    def seconds(self) -> float:
        """Wall time of all stages, those done in earlier runs included."""
        return sum(record.seconds for records in self.records.values() for record in records)

    @property
    def peak_memory(self) -> int:
        """Largest memory that any stage saw, bytes."""
        return max((record.peak_memory for records in self.records.values() for record in records), default=0)

    def warnings_of(self, session: str) -> tuple[str, ...]:
        """Return what was warned of while a session was analysed."""
        said = [warning for record in self.records.get(session, []) for warning in record.warnings]
        return tuple(dict.fromkeys(said))

    def write(self, out: Path) -> None:
        """Write ``manifest.json``, whole or not at all."""
        table: dict[str, Any] = {
            "status": self.status,
            "command": self.command,
            "started": self.started,
            "written": datetime.now().astimezone().isoformat(timespec="seconds"),
            "seed": self.config.seed,
            "code": code_version(),
            "platform": platform.platform(),
            "versions": package_versions(),
            "seconds": round(self.seconds, 3),
            "peak_memory_bytes": self.peak_memory,
            "study_toml_sha256": self.settings_sha256,
            "inputs": [{"session": s.name, "file": str(s.file), "sha256": s.sha256} for s in self.sessions],
            "failures": self.failures,
            "stages": {name: [asdict(record) for record in records] for name, records in self.records.items()},
            "settings": asdict(self.config),
        }
        write_text(out / "manifest.json", json.dumps(table, indent=1))


def written_settings_hash(out: Path) -> str:
    """Hash of study.toml as the last run wrote it; "" where there was none."""
    try:
        return str(json.loads((out / "manifest.json").read_text(encoding="utf-8"))["study_toml_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
