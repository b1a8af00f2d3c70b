"""Of snapshots: files that change while they are read, and the cache of what was read."""

from __future__ import annotations

from contextlib import ExitStack

from agent.statelog import snapshot
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


@mutation("directories are listed once, though a file may move between them meanwhile", "bit-exact")
def directories_listed_once(stack: ExitStack) -> None:
    swap(stack, snapshot, "_is_unchanged", lambda path, listing: True)
