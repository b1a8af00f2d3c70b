"""Ending a process that has used the Temporal client."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def run_to_end(work: Callable[[], object]) -> None:
    """Runs ``work`` and ends the process with the code that it exits with.

    The interpreter's own shutdown is left out: threads of the client's native runtime may touch it while it
    is taken down, which ends a program that has succeeded with SIGABRT now and then.
    """
    code: object = 0
    try:
        work()
    except SystemExit as leaving:
        code = leaving.code
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - told in full, and the process ends
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    number = code if isinstance(code, int) else 0 if code is None else 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        # Whoever read the output has gone: what was left of it is lost, and that is no success.
        number = number or 1
    os._exit(number)
