"""Terms as plain tables, so that a design can be written to a file, edited and read again."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from typing import Any

from neurorec.design.bases import Basis
from neurorec.design.places import Place
from neurorec.design.terms import Coupling, Drift, Event, History, PopulationMean, Signal, Term
from neurorec.recording import InputError

_KINDS: dict[str, type[Term]] = {
    kind.__name__: kind for kind in (Event, Signal, Place, Drift, History, Coupling, PopulationMean)
}


def terms_to_config(terms: Sequence[Term]) -> list[dict]:
    """Write terms as tables of strings, numbers and lists.

    Parameters
    ----------
    terms : sequence of terms
        As for `design_matrix`.

    Returns
    -------
    list of dict
        ``kind`` and the term's own settings; those that are unset are left out.

    Examples
    --------
    >>> from neurorec.design import Coupling, raised_cosine
    >>> terms_to_config([Coupling(raised_cosine(2, window=(0.01, 0.1)))])[0]["basis"]
    {'shape': 'raised_cosine', 'n': 2, 'window': [0.01, 0.1], 'spacing': 'linear'}
    """
    return [_plain({"kind": type(term).__name__} | asdict(term)) for term in terms]


def terms_from_config(tables: Sequence[Mapping]) -> list[Term]:
    """Read terms back from tables.

    Parameters
    ----------
    tables : sequence of mapping
        As `terms_to_config` writes them.

    Returns
    -------
    list of terms

    Raises
    ------
    InputError
        Naming the key that is unknown or missing.
    """
    return [_term(table, position) for position, table in enumerate(tables)]


def _term(table: Mapping, position: int) -> Term:
    table = dict(table)
    kind = table.pop("kind", None)
    if kind not in _KINDS:
        _refuse(f"terms[{position}].kind", f"one of {', '.join(_KINDS)}", repr(kind))
    for key in ("basis", "over"):
        if isinstance(table.get(key), Mapping):
            table[key] = _build(Basis, dict(table[key]), f"terms[{position}].{key}")
    return _build(_KINDS[kind], table, f"terms[{position}] ({kind})")


def _build(kind: type, table: dict, where: str):
    known = {field.name for field in fields(kind)}
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    if set(table) - known:
        _refuse(where, f"only the keys {', '.join(sorted(known))}", ", ".join(sorted(set(table) - known)))
    if needed - set(table):
        _refuse(where, f"the keys {', '.join(sorted(needed))}", f"no {', '.join(sorted(needed - set(table)))}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _plain(value: Any) -> Any:
    """Dictionaries without unset values, lists instead of tuples."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and item != ()}
    return list(value) if isinstance(value, tuple) else value


def _refuse(name: str, expected: str, found: str) -> None:
    raise InputError(name, expected=expected, found=found, remedy="correct the study file")
