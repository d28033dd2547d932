"""Binary activity: whether anything happened in a bin."""

import numpy as np
import xarray as xr

from neurorec.recording.errors import InputError


def binarise(recording: xr.Dataset, *, threshold: float = 0.0) -> xr.Dataset:
    """Turn activity into 1 where it exceeds a threshold and 0 elsewhere.

    Deconvolved imaging is 0 in most frames and has amplitudes of unclear scale in the others; whether there was an
    event at all, ``activity > threshold``, is a Bernoulli variable, as in Runyan et al. 2017 (doi:10.1038/nature23020).

    Parameters
    ----------
    recording : xarray.Dataset
        A recording, ``activity (time, unit)`` of any kind.
    threshold : float
        In the unit of the activity.

    Returns
    -------
    xarray.Dataset
        The recording with ``activity (time, unit)`` float32, 0 or 1, NaN where it was missing, of kind ``"binary"``;
        ``attrs["binarised_above"]`` holds the threshold. Everything else is unchanged.

    Raises
    ------
    InputError
        Where the threshold is not a number.

    Examples
    --------
    >>> from neurorec.recording import recording_from_arrays
    >>> recording = recording_from_arrays([[0.0, 1.3], [0.2, np.nan]], bin_width=0.03, kind="deconvolved", units="a.u.")
    >>> binarise(recording)["activity"].values.tolist()
    [[0.0, 1.0], [1.0, nan]]
    """
    if not np.isfinite(threshold):
        raise InputError("threshold", expected="a number", found=str(threshold), remedy="0 for deconvolved activity")
    activity = recording["activity"]
    values = np.where(np.isnan(activity.values), np.nan, activity.values > threshold).astype(np.float32)
    attrs = {**activity.attrs, "kind": "binary", "units": "events/bin"}
    return recording.assign(activity=(activity.dims, values, attrs)).assign_attrs(binarised_above=float(threshold))
