"""A table of an NWB file, read in bulk into a pandas DataFrame."""

from collections.abc import Collection
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from neurorec.io.nwb.file import dataset, label, salvage, target, text
from neurorec.recording import first_offenders

# An array in every cell is split into as many columns up to this width; wider ones are not columns of a table.
WIDEST_CELL = 8


class Ragged(NamedTuple):
    """A column with several values per row.

    Attributes
    ----------
    data : h5py.Dataset (value, ...)
        The values of all rows, one after another; not read yet.
    first, last : ndarray of int (row,)
        The values of a row are ``data[first:last]``.
    truncated : ndarray of bool (row,)
        True where the file's index points past the end of the data; such rows are given no values.
    """

    data: h5py.Dataset
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of values in each row."""
        return self.last - self.first

    @property
    def row(self) -> NDArray[np.int64]:
        """The row of each value of ``read()``."""
        return np.repeat(np.arange(self.first.size), self.lengths)

    def read(self) -> NDArray:
        """The values of all rows, one after another."""
        values = self.data[()]
        if not self.truncated.any() and (self.first[1:] == self.last[:-1]).all():
            return values[self.first[0] : self.last[-1]] if self.first.size else values[:0]
        within = np.arange(self.lengths.sum()) - np.repeat(np.cumsum(self.lengths) - self.lengths, self.lengths)
        return values[np.repeat(self.first, self.lengths) + within]


def read_table(group: h5py.Group, doubts: list[str], *, skip: Collection[str] = ()) -> pd.DataFrame:
    """Read the columns that hold one value, or a few, per row.

    Parameters
    ----------
    group : h5py.Group
        A DynamicTable.
    doubts : list of str
        What could not be kept is appended here.
    skip : collection of str
        Columns to pass over without a word.

    Returns
    -------
    pandas.DataFrame
        Indexed by the ids of the file. Ragged text is joined with ``|``; references become the name of what they
        point at; an array in every cell becomes several columns ``name, name_1, ...``.
    """
    ids = table_ids(group)
    columns: dict[str, NDArray] = {}
    unkept: list[str] = []
    for name in column_names(group):
        if name in skip:
            continue
        with salvage(f"Column {name} of {label(group)}", doubts):
            values = _read_column(group, name, ids.size)
            if values is None:
                unkept.append(name)
            else:
                columns |= _split(name, values)
    if unkept:
        doubts.append(
            f"{label(group)}: columns {first_offenders(unkept)} do not hold one value per row and were left out."
        )
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))


def table_ids(group: h5py.Group) -> NDArray[np.int64]:
    """The ids of a table's rows; their number where the file gives none."""
    if isinstance(group.get("id"), h5py.Dataset):
        return np.asarray(dataset(group, "id")[()], dtype=np.int64).ravel()
    lengths = [group[name].shape[0] for name in column_names(group) if f"{name}_index" not in group]
    lengths += [group[f"{name}_index"].shape[0] for name in column_names(group) if f"{name}_index" in group]
    return np.arange(min(lengths, default=0))


def column_names(group: h5py.Group) -> list[str]:
    """Columns in the order of the file; those the file forgets to list come last."""
    listed = [text(name) for name in np.ravel(group.attrs.get("colnames", []))]
    present = [text(name) for name, item in group.items() if isinstance(item, h5py.Dataset) and name != "id"]
    columns = [name for name in present if not (name.endswith("_index") and name.removesuffix("_index") in group)]
    return [name for name in listed if name in columns] + [name for name in columns if name not in listed]


def read_ragged(group: h5py.Group, name: str) -> Ragged | None:
    """The values of a column and where each row's begin and end, whether or not the file indexes them."""
    data, index = group.get(name), group.get(f"{name}_index")
    if not isinstance(data, h5py.Dataset):
        return None
    n_values = data.shape[0]
    stated = np.asarray(index[()], dtype=np.int64) if isinstance(index, h5py.Dataset) else np.arange(1, n_values + 1)
    start = np.append(0, stated[:-1]).astype(np.int64)[: stated.size]
    truncated = (stated > n_values) | (stated < start)
    first, last = np.where(truncated, 0, start), np.where(truncated, 0, stated)
    return Ragged(data=data, first=first, last=last, truncated=truncated)


def _read_column(group: h5py.Group, name: str, n_rows: int) -> NDArray | None:
    """One value, or a short array of values, per row; None where a column holds something else."""
    data = dataset(group, name)
    if f"{name}_index" in group:
        return None if f"{name}_index_index" in group else _read_joined(group, name, n_rows)
    if data.dtype.names or data.ndim > 2 or data.ndim == 0 or (data.ndim == 2 and data.shape[1] > WIDEST_CELL):
        return None
    return plain_values(data) if data.shape[0] == n_rows else None


def _read_joined(group: h5py.Group, name: str, n_rows: int) -> NDArray | None:
    """A ragged column as one value per row: text joined, numbers only where no row has more than one."""
    ragged = read_ragged(group, name)
    if ragged is None or ragged.first.size != n_rows or ragged.data.ndim > 1 or ragged.truncated.any():
        return None
    is_text = h5py.check_string_dtype(ragged.data.dtype) is not None
    if ragged.data.dtype.names or not (is_text or ragged.lengths.max(initial=0) <= 1):
        return None
    values = plain_values(ragged.data)
    if is_text:
        return np.array(["|".join(values[a:b]) for a, b in zip(ragged.first, ragged.last)], dtype=object)
    if values.dtype.kind not in "biuf":
        return None
    result = np.full(n_rows, np.nan)
    result[ragged.lengths == 1] = values[ragged.first[ragged.lengths == 1]]
    return result


def plain_values(data: h5py.Dataset) -> NDArray:
    """The values of a dataset as numbers, booleans or strings; references as the name of their target."""
    if "elements" in data.attrs and data.dtype.kind in "iu":
        elements = target(data, data.attrs["elements"])
        if isinstance(elements, h5py.Dataset):
            return plain_values(elements)[data[()]]
    values = data[()]
    if h5py.check_ref_dtype(data.dtype) is not None:
        return _each(values, lambda reference: label(target(data, reference)).split("/")[-1] if reference else "")
    if values.dtype.kind in "biuf":
        return values
    return _each(values, text)


def _each(values: NDArray, function: Any) -> NDArray:
    result = np.empty(values.shape, dtype=object)
    result.ravel()[:] = [function(value) for value in values.ravel()]
    return result


def _split(name: str, values: NDArray) -> dict[str, NDArray]:
    """Columns of an array with a short array in every cell: name, name_1, name_2, ..."""
    if values.ndim == 1:
        return {name: values}
    return {name if k == 0 else f"{name}_{k}": values[:, k] for k in range(values.shape[1])}
