"""The process behind ``tests/support/bounded.py``: a line in is a call, a line out is its end."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from activities.definition.load import load
from activities.errors import DurabotError
from agent import code
from agent.errors import AgentError
from agent.statelog import legacy, restore, tree
from agent.statelog.packs import PackReader

# Of address space beyond what the process has before; the kernel keeps it.
MEMORY_BYTES = 512 * 1024**2
CPU_SECONDS = 10
FILE_BYTES = 256 * 1024**2


def extract_code(archive: str, root: str) -> None:
    code.extract(Path(archive), Path(root))


def unpack_state(archive: str, root: str, max_bytes: int, max_entries: int) -> None:
    legacy.MAX_ENTRIES = max_entries
    Path(root).mkdir()
    legacy.unpack(Path(archive), Path(root), max_bytes)


def restore_tree(listed: str, sha256: str, packs: str, root: str) -> None:
    nodes = tree.decode(Path(listed).read_bytes(), sha256)
    restore.write(Path(root), nodes, PackReader(_Packs(Path(packs)), "bucket", "bot"))  # type: ignore[arg-type]


def load_definition(directory: str) -> None:
    load(Path(directory))


TARGETS: dict[str, Callable[..., None]] = {
    call.__name__: call for call in (extract_code, unpack_state, restore_tree, load_definition)
}


class _Packs:
    """The part of the store that a restore needs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get_range(self, _bucket: str, key: str, start: int, length: int) -> bytes:
        return (self._directory / key.rpartition("/")[2]).read_bytes()[start : start + length]


def _size(field: str) -> int:
    """A size of this process in bytes, as the kernel counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the kernel does not tell {field}")


def _attempt(target: str, arguments: list[Any]) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_AS, (_size("VmSize:") + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES,) * 2)
    before = _size("VmRSS:")
    ended = {"code": "", "message": "", "fault": ""}
    try:
        TARGETS[target](*arguments)
    except (AgentError, DurabotError) as error:
        ended |= {"code": error.code, "message": str(error)}
    except BaseException as error:  # noqa: BLE001 - an error without a type is what is looked for
        trace = traceback.format_exc(limit=-3)
        ended["fault"] = f"{type(error).__name__}: {str(error)[:300]}\n{trace[-1500:]}"
    return {**ended, "grown_mb": (_size("VmHWM:") - before) / 2**20}


def _in_a_fork(target: str, arguments: list[Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as result:
            result.write(json.dumps(_attempt(target, arguments)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as result:
        text = result.read()
    _, status = os.waitpid(child, 0)
    if text:
        found: dict[str, Any] = json.loads(text)
        return found
    cause = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"status {status}"
    return {"code": "", "message": "", "fault": f"ended by {cause}", "grown_mb": 0.0}


if __name__ == "__main__":
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_in_a_fork(asked["target"], asked["arguments"])), flush=True)
