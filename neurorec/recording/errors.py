"""What can be wrong with what a user gives, said in one line that teaches."""

from collections.abc import Iterable


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line: what it is, what was expected, what was found and what to do.

    Parameters
    ----------
    name : str
        What is wrong: an argument, a file, a column.
    expected, found : str
        What would have been right, and what was there instead.
    remedy : str
        What the user can do.

    Examples
    --------
    >>> raise InputError("bin_width", expected="a positive number of seconds", found="-1", remedy="try 0.01")
    Traceback (most recent call last):
    ...
    neurorec.recording.errors.InputError: bin_width: expected a positive number of seconds, found -1; try 0.01
    """

    def __init__(self, name: str, *, expected: str, found: str, remedy: str) -> None:
        self.name, self.expected, self.found, self.remedy = name, expected, found, remedy
        super().__init__(" ".join(f"{name}: expected {expected}, found {found}; {remedy}".split()))

    def __reduce__(self):
        return (_rebuild, (type(self), self.name, self.expected, self.found, self.remedy))


def _rebuild(kind: type[InputError], name: str, expected: str, found: str, remedy: str) -> InputError:
    """Restore an error on the other side of a process boundary."""
    return kind(name, expected=expected, found=found, remedy=remedy)


class RecordingError(InputError):
    """A dataset breaks the schema of a recording."""


class FileError(InputError):
    """A file cannot be read as what it should be."""


class SelectionError(InputError):
    """A selection names something that is not there, or leaves nothing."""


class DataWarning(UserWarning):
    """Something in the data that the user may want to act on."""


def first_offenders(items: Iterable[object], *, most: int = 5) -> str:
    """Quote the first few of many offenders, and their count.

    Examples
    --------
    >>> first_offenders(range(9), most=3)
    '0, 1, 2, ... (9 in all)'
    """
    items = [str(item) for item in items]
    if len(items) <= most:
        return ", ".join(items)
    return f"{', '.join(items[:most])}, ... ({len(items)} in all)"
