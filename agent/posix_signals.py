"""``signal`` without its enumerations, which would cost every idle agent half a mebibyte."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as signal
else:
    import _signal as signal

__all__ = ["signal"]
