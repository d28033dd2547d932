"""The study file in the folder of results: written, completed, never overwritten once it was edited."""

import hashlib
import tomllib
from pathlib import Path

import tomli_w

from neurorec.recording import InputError
from neurorec.study.config import StudyConfig, config_to_dict, config_to_toml
from neurorec.study.manifest import written_settings_hash


def settings_text(config: StudyConfig, out: Path, source: Path | None) -> str:
    """Text of ``study.toml`` for a completed study.

    Where the study was read from the very file that lies in the folder, its text stays as it is, comments included,
    and only a derived design is added at its end.

    Parameters
    ----------
    config : StudyConfig
        With its design.
    out : Path
        Folder of results.
    source : Path or None
        The study file that the study was read from.

    Returns
    -------
    str

    Raises
    ------
    InputError
        When the folder holds a study file that somebody edited and that this study was not read from.
    """
    target = out / "study.toml"
    if source is not None and target.is_file() and source.resolve() == target.resolve():
        text = target.read_text(encoding="utf-8")
        given = tomllib.loads(text)
        derived = {key: config_to_dict(config).get(key) for key in ("terms", "session_terms", "left_out")}
        added = {key: value for key, value in derived.items() if value and key not in given}
        return f"{text.rstrip()}\n\n{tomli_w.dumps(added)}" if added else text
    text = config_to_toml(config)
    if target.is_file():
        here = target.read_text(encoding="utf-8")
        if here != text and text_hash(here) != written_settings_hash(out):
            raise InputError(
                str(target),
                expected="the file that neurorec wrote there",
                found="one that was edited",
                remedy=f"run it with: neurorec run --config {target}; or choose another folder",
            )
    return text


def text_hash(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
