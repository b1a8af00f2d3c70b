"""What does a sync cost for a state of 500 MB, unchanged and changed by one percent?"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from bench import one_sync
from bench.one_sync import Sync, measured
from bench.result import Goal, Result, Series
from bench.setup import Setup
from tests.support.s3_server import S3Server

MIB = 1024 * 1024
STATE_MIB = 500
# One large file, many middle ones, and a crowd of small ones.
LARGE_MIB, MIDDLE, SMALL, SMALL_BYTES = 200, 200, 1000, 100 * 1024
CPU_LIMIT_MS = 100
CHANGED_LIMIT_PERCENT = 3
UNCHANGED_SYNCS = 15
SEED = 1


def measure(setup: Setup) -> Result:
    """Each sync in a fork that ends, as the agent does it; its CPU time includes the imports."""
    server = S3Server(setup.scratch / "s3" / "data")
    server.start()
    try:
        return _measure(setup.scratch, server)
    finally:
        server.kill()


def _measure(scratch: Path, server: S3Server) -> Result:
    state = scratch / "state"
    environment = one_sync.environment(scratch, server)
    # The first start, which claims the log; it would empty a directory that it does not know.
    measured(environment, "restore")
    size = _fill(state)
    first = measured(environment)
    # Files that were just written are read again once: their time alone does not vouch for them.
    measured(environment)
    unchanged = [measured(environment) for _ in range(UNCHANGED_SYNCS)]
    empty = [measured(environment, "nothing").cpu_ms for _ in range(UNCHANGED_SYNCS)]
    changed = {
        "1 % of the files rewritten": _change(environment, lambda: _rewrite_files(state)),
        "1 % of the large file in one place": _change(environment, lambda: _overwrite(state, 1)),
        "1 % of the large file in ten places": _change(environment, lambda: _overwrite(state, 10)),
        "1 % appended to the large file": _change(environment, lambda: _append(state)),
    }
    # No goal: chunks of a fixed size move with what is inserted before them (docs/decisions/fixed-chunks.md).
    inserted = _change(environment, lambda: _insert(state))
    cpu = Series(name="unchanged: CPU of a sync", values=[sync.cpu_ms for sync in unchanged])
    wall = Series(name="unchanged: time of a sync", values=[sync.wall_ms for sync in unchanged])
    share = {name: sync.uploaded / size * 100 for name, sync in changed.items()}
    return Result(
        question=f"Sync of a state of {size / MIB:.0f} MiB in {MIDDLE + SMALL + 1} files",
        unit="ms",
        series=[cpu, wall, Series(name="a fork that imports nothing", values=empty, floor=True)],
        goals=[
            Goal(
                what="unchanged: uploaded",
                value=sum(sync.uploaded for sync in unchanged),
                limit=0,
                unit="bytes",
            ),
            Goal(what="unchanged: CPU, p50", value=cpu.p50, limit=CPU_LIMIT_MS, unit="ms"),
            *(
                Goal(what=f"{name}: uploaded", value=percent, limit=CHANGED_LIMIT_PERCENT, unit="%")
                for name, percent in share.items()
            ),
        ],
        facts={
            "first_sync": {"cpu_ms": first.cpu_ms, "wall_ms": first.wall_ms, "uploaded": first.uploaded},
            "changed": {
                name: {"cpu_ms": sync.cpu_ms, "wall_ms": sync.wall_ms, "uploaded": sync.uploaded}
                for name, sync in changed.items()
            },
            "1 % inserted in the middle of the large file": {
                "cpu_ms": inserted.cpu_ms,
                "wall_ms": inserted.wall_ms,
                "uploaded_percent": inserted.uploaded / size * 100,
            },
        },
    )


def _change(environment: dict[str, str], change: Callable[[], None]) -> Sync:
    change()
    sync = measured(environment)
    measured(environment)
    return sync


def _fill(state: Path) -> int:
    """Random bytes: what compresses would flatter the uploads. Returns the size of all."""
    generator = random.Random(SEED)
    sizes = {"large.bin": LARGE_MIB * MIB}
    sizes |= {f"middle/{number:04d}.bin": MIB for number in range(MIDDLE)}
    sizes |= {f"small/{number:04d}.bin": SMALL_BYTES for number in range(SMALL)}
    for name, size in sizes.items():
        path = state / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            for begin in range(0, size, MIB):
                file.write(generator.randbytes(min(MIB, size - begin)))
    return sum(sizes.values())


def _rewrite_files(state: Path) -> None:
    """One percent of the middle and of the small files, which is less than one percent of all."""
    chosen = [*sorted((state / "middle").iterdir())[::100], *sorted((state / "small").iterdir())[::100]]
    for path in chosen:
        path.write_bytes(os.urandom(path.stat().st_size))


def _overwrite(state: Path, places: int) -> None:
    """Five megabytes of the large file, which is one percent of the state."""
    size = STATE_MIB * MIB // 100 // places
    with (state / "large.bin").open("r+b") as file:
        for place in range(places):
            file.seek(place * LARGE_MIB * MIB // places + 12345)
            file.write(os.urandom(size))


def _append(state: Path) -> None:
    with (state / "large.bin").open("ab") as file:
        file.write(os.urandom(STATE_MIB * MIB // 100))


def _insert(state: Path) -> None:
    path = state / "large.bin"
    data = path.read_bytes()
    middle = len(data) // 2
    # Not by a multiple of a chunk's size, which would move whole chunks to whole chunks.
    path.write_bytes(data[:middle] + os.urandom(STATE_MIB * MIB // 100 + 1) + data[middle:])
