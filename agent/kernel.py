"""prctl through the bare ``_ctypes`` module: the ``ctypes`` package costs every idle agent its memory."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    # No stubs, and no user but the ctypes package: what is used here is the same since Python 2.5.
    from typing import Any

    _ctypes: Any
else:
    import _ctypes

SET_PDEATHSIG = 1
SET_DUMPABLE = 4
SET_CHILD_SUBREAPER = 36
PRCTL = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")


def prctl(option: int, value: int) -> None:
    """Every option used here is as old as the oldest kernel that matters: a failure is a bug."""
    if _ctypes.call_cdeclfunction(PRCTL, (option, value, 0, 0, 0)) != 0:
        raise OSError(f"prctl({option}, {value}) failed")
