"""What the agent was told, beside the truth: the invariants of answers."""

from __future__ import annotations

from agent.statelog import CommitResult, StartResult
from agent.statelog.entry import CLAIM, ROLLBACK
from tests.simulation.contents import Version
from tests.simulation.disk import Facet
from tests.simulation.host import Host
from tests.simulation.ledger import Ledger, Seen
from tests.simulation.violation import Violation
from tests.simulation.window import Window


def check_started(
    ledger: Ledger,
    host: Host,
    name: str,
    result: StartResult,
    before: dict[str, Facet],
    whole: bool,
) -> None:
    """The run has a claim of its own, and its directory is what the log says, or what this disk alone has."""
    seen = ledger.entry(result.generation)
    claim = next((entry for entry in ledger.entries if entry.epoch == result.epoch), None)
    if claim is None or claim.kind != CLAIM or claim.sender != name or seen.epoch != result.epoch:
        raise Violation("acknowledged", f"{name} was told to have a claim that is not in the log")
    now = host.disk.listing(host.state)
    if not result.kept:
        check_restored(claim.version, now, f"the directory of {name}")
        return
    parent = ledger.entry(claim.generation - 1)
    if parent.kind == ROLLBACK or not host.owns(parent.sender):
        raise Violation("kept", f"{name} goes on with an old directory, though {parent.sender} wrote since")
    if now != before:
        raise Violation("kept", f"{name} kept its directory, but changed it")
    if not whole:
        check_restored(parent.version, now, f"the directory that {name} kept")
    if not result.unsaved:
        check_restored(seen.version, now, f"generation {seen.generation}, salvaged by {name}")


def check_restored(version: Version, listing: dict[str, Facet], what: str) -> None:
    """``restored`` is broken unless they are the same, bit by bit."""
    wanted = {path: (kept.kind, kept.mode, kept.content) for path, kept in version.items()}
    found = {
        path: (facet.kind, facet.mode, facet.content)
        for path, facet in listing.items()
        # A link that leaves the state is no part of it.
        if path in wanted or facet.kind != "l"
    }
    if wanted != found:
        different = sorted({*wanted.items()} ^ {*found.items()}, key=str)
        raise Violation("restored", f"{what} is not that version: {different[:4]}")
    for path, kept in version.items():
        if kept.kind == "f" and kept.mtime_ns != listing[path].mtime_ns:
            raise Violation("restored", f"{what}: {path!r} has another time than in that version")


def check_committed(
    ledger: Ledger, name: str, epoch: str, result: CommitResult, window: Window, seen: int
) -> None:
    """What is acknowledged is in the log, under the run's own claim, and is what was in the directory."""
    check_not_fenced(ledger, name, epoch, seen)
    entry = ledger.entry(result.generation)
    if entry.epoch != epoch or entry.sender != name:
        raise Violation("acknowledged", f"generation {entry.generation} is not of {name}, which was told so")
    window.check(entry.version, f"generation {entry.generation} of {name}")


def check_not_fenced(ledger: Ledger, name: str, epoch: str, seen: int) -> None:
    """A run that was fenced before it began to ask must not be told that all is well."""
    owner = ledger.owner(seen)
    if owner is None or owner.epoch != epoch:
        raise Violation("fence-missed", f"{name} was told that all is well, but {_who(owner)} has the state")


def check_fenced(ledger: Ledger, name: str, epoch: str, text: str) -> None:
    """Nobody's bot is stopped unless somebody else has the state."""
    owner = ledger.owner(ledger.generation)
    if owner is not None and owner.epoch == epoch:
        raise Violation("fenced-falsely", f"{name} still has the state, but was told: {text}")


def _who(owner: Seen | None) -> str:
    return f"the {owner.kind} of {owner.sender}" if owner else "nobody"
