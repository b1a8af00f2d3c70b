"""Of snapshots: files that change while they are read, and the cache of what was read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.errors import SnapshotUnstable
from agent.statelog import snapshot
from agent.statelog.entry import Entry
from agent.statelog.local import Local
from agent.statelog.packs import PackWriter
from agent.statelog.state_log import StateLog
from tests.simulation.mutations.mutation import mutation, swap


@mutation("the stat cache trusts a file that was changed just now", "bit-exact")
def racy_files_trusted(stack: ExitStack) -> None:
    swap(stack, snapshot, "RACY_NS", -(10**18))


@mutation("the stat cache compares sizes only", "bit-exact")
def only_sizes_compared(stack: ExitStack) -> None:
    swap(stack, snapshot, "key_of", lambda status: (status.st_size, 0, 0, 0))


@mutation("a file that was gone when it was read is not looked for again", "bit-exact")
def vanished_files_given_up(stack: ExitStack) -> None:
    opened = snapshot._opened

    def mutated(*values: object) -> tuple[snapshot.Snapshot, bool]:
        return opened(*values)[0], False  # type: ignore[arg-type]  # passed on

    swap(stack, snapshot, "_opened", mutated)


@mutation("the cache vouches for files before the entry is there that has them", "bit-exact")
def stats_before_the_entry(stack: ExitStack) -> None:
    take, append = snapshot.take, StateLog._append
    # By the store, which both know.
    taken: dict[int, dict[str, snapshot.Stat]] = {}

    def mutated_take(
        root: Path, previous: object, stats: object, packs: PackWriter, max_bytes: int
    ) -> snapshot.Snapshot:
        found = take(root, previous, stats, packs, max_bytes)  # type: ignore[arg-type]  # passed on
        taken[id(packs._store)] = found.stats
        return found

    def mutated_append(self: StateLog, mine: Local, reference: str, size: int) -> Entry | None:
        mine.stats = taken[id(self._store)]
        mine.save(self._cache_path)
        return append(self, mine, reference, size)

    swap(stack, snapshot, "take", mutated_take)
    swap(stack, StateLog, "_append", mutated_append)


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
    settled = snapshot.key_of(before) == snapshot.key_of(after)
    return snapshot.Reading(before, before.st_size, digests, settled)
