"""Of snapshots: files that change while they are read, and the cache of what was read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.errors import SnapshotUnstable
from agent.statelog import databases, reading, snapshot
from agent.statelog.packs import PackWriter
from tests.simulation.mutations.mutation import mutation, swap, weather


@mutation("the stat cache trusts a file that was changed just now", "bit-exact")
def racy_files_trusted(stack: ExitStack) -> None:
    swap(stack, reading, "RACY_NS", -(10**18))


@mutation("the stat cache compares sizes only", "bit-exact")
def only_sizes_compared(stack: ExitStack) -> None:
    swap(stack, reading, "key_of", lambda status: (status.st_size, 0, 0, 0))


@mutation("the stat cache compares sizes and the times that programs may set", "bit-exact", "restored")
def change_times_not_compared(stack: ExitStack) -> None:
    weather(stack, steps=1000, habit="", syncs=5.0, lost_request=0.0, lost_answer=0.0, refused=0.0, late=0.0)
    swap(stack, reading, "key_of", lambda status: (status.st_size, status.st_mtime_ns, 0, 0))


@mutation("the stat cache does not look at a file that has a name of the last snapshot", "bit-exact")
def renamed_files_believed(stack: ExitStack) -> None:
    swap(stack, reading, "key_of", lambda status: (0, 0, 0, 0))


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
    def mutated(path: Path, packs: PackWriter) -> reading.Reading:
        for _ in range(reading.READ_ATTEMPTS):
            found = _read_once(path, packs)
            if found.settled:
                return replace(found, settled=False)
        raise SnapshotUnstable("changes all the time")

    swap(stack, reading, "read", mutated)


@mutation("a database and its log are saved each by itself", "bit-exact")
def databases_taken_apart(stack: ExitStack) -> None:
    weather(stack, habit="transacts", bot_acts=0.3)
    swap(stack, snapshot, "_databases", lambda *found: set())


@mutation("a database is not looked at again after its log was read", "bit-exact")
def checkpoints_not_noticed(stack: ExitStack) -> None:
    weather(stack, habit="transacts", bot_acts=0.3)

    def mutated(root: Path, path: str, part: snapshot.PartOf) -> list[snapshot.Part]:
        files = [path, *(path + end for end in databases.logs(root / path))]
        return [part(file, (root / file).lstat()) for file in files]

    swap(stack, snapshot, "_together", mutated)


@mutation("a file is read once, whether it changes meanwhile or not", "bit-exact")
def read_once(stack: ExitStack) -> None:
    swap(stack, reading, "read", lambda path, packs: replace(_read_once(path, packs), settled=False))


def _read_once(path: Path, packs: PackWriter) -> reading.Reading:
    """``settled`` tells only that its status is the same before and after."""
    # The simulated one.
    fstat = vars(reading)["os"].fstat
    try:
        with reading.readable(path, 0) as descriptor:
            before = fstat(descriptor)
            digests, _ = reading.digests_of(descriptor, before.st_size, packs, 0)
            after = fstat(descriptor)
    except OSError as error:
        raise FileNotFoundError(path) from error
    if len(digests) == 1 and not digests[0]:
        raise FileNotFoundError(path)
    settled = reading.key_of(before) == reading.key_of(after)
    return reading.Reading(before, before.st_size, digests, settled)
