"""Of snapshots: files that change while they are read, and the cache of what was read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.errors import SnapshotUnstable
from agent.statelog import snapshot
from agent.statelog.packs import PackWriter
from tests.simulation.mutations.mutation import mutation, swap, weather


@mutation("the stat cache trusts a file that was changed just now", "bit-exact")
def racy_files_trusted(stack: ExitStack) -> None:
    swap(stack, snapshot, "RACY_NS", -(10**18))


@mutation("the stat cache compares sizes only", "bit-exact")
def only_sizes_compared(stack: ExitStack) -> None:
    swap(stack, snapshot, "key_of", lambda status: (status.st_size, 0, 0, 0))


@mutation("the stat cache compares sizes and the times that programs may set", "bit-exact", "restored")
def change_times_not_compared(stack: ExitStack) -> None:
    weather(stack, steps=1000, habit="", syncs=5.0, lost_request=0.0, lost_answer=0.0, refused=0.0, late=0.0)
    swap(stack, snapshot, "key_of", lambda status: (status.st_size, status.st_mtime_ns, 0, 0))


@mutation("the stat cache does not look at a file that has a name of the last snapshot", "bit-exact")
def renamed_files_believed(stack: ExitStack) -> None:
    swap(stack, snapshot, "key_of", lambda status: (0, 0, 0, 0))


@mutation("a file that was gone when it was read is not looked for again", "bit-exact")
def vanished_files_given_up(stack: ExitStack) -> None:
    opened = snapshot._opened

    def mutated(*values: object) -> tuple[snapshot.Snapshot, bool]:
        return opened(*values)[0], False  # type: ignore[arg-type]  # passed on

    swap(stack, snapshot, "_opened", mutated)


@mutation("directories are listed once, though a file may move between them meanwhile", "bit-exact")
def directories_listed_once(stack: ExitStack) -> None:
    swap(stack, snapshot, "_is_unchanged", lambda path, listing: True)


@mutation("a file whose times look unchanged is believed, however young they are", "bit-exact")
def young_times_believed(stack: ExitStack) -> None:
    def mutated(path: Path, packs: PackWriter) -> snapshot.Reading:
        for _ in range(snapshot.READ_ATTEMPTS):
            reading = _read_once(path, packs)
            if reading.settled:
                return replace(reading, settled=False)
        raise SnapshotUnstable("changes all the time")

    swap(stack, snapshot, "_read", mutated)


@mutation("a file is read once, whether it changes meanwhile or not", "bit-exact")
def read_once(stack: ExitStack) -> None:
    swap(stack, snapshot, "_read", lambda path, packs: replace(_read_once(path, packs), settled=False))


def _read_once(path: Path, packs: PackWriter) -> snapshot.Reading:
    """``settled`` tells only that its status is the same before and after."""
    # The simulated one.
    fstat = vars(snapshot)["os"].fstat
    try:
        with snapshot._readable(path, 0) as descriptor:
            before = fstat(descriptor)
            digests, _ = snapshot._digests(descriptor, before.st_size, packs, 0)
            after = fstat(descriptor)
    except OSError as error:
        raise FileNotFoundError(path) from error
    if len(digests) == 1 and not digests[0]:
        raise FileNotFoundError(path)
    settled = snapshot.key_of(before) == snapshot.key_of(after)
    return snapshot.Reading(before, before.st_size, digests, settled)
