"""Which versions of a state are kept: a pure rule, without a clock of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.statelog.entry import CLAIM, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The ``keep_last`` newest versions, and of the ``keep_days`` newest days (UTC) that have any the last of
    each. The newest entry is kept whatever this says."""

    keep_last: int = 100
    keep_days: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A version that is about to become generation ``until`` again; void once that exists, by whomever."""

    generation: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``floor`` is the first generation whose entry stays in the log; ``versions`` are kept below it.
    ``final`` tells that time alone will change nothing of this."""

    floor: int
    versions: tuple[Entry, ...]
    holds: tuple[Hold, ...]
    collected: tuple[int, ...] = ()
    final: bool = True


def plan(
    entries: Iterable[Entry],
    *,
    floor: int,
    pins: Mapping[int, str],
    holds: Iterable[Hold],
    retention: Retention,
    young: str,
) -> Plan:
    """``entries`` are all that are kept now, the head among them. Nothing written at ``young`` or later, an
    ISO time in UTC, leaves the log.

    Claims stand for what their parents stand for, so they are no versions, but may be pinned.
    """
    known = sorted(entries, key=lambda entry: entry.generation)
    head = known[-1].generation
    live = tuple(hold for hold in holds if hold.until > head)
    kept = {head, *pins, *(hold.generation for hold in live)}
    versions = [entry for entry in reversed(known) if entry.kind != CLAIM]
    kept |= {entry.generation for entry in versions[: retention.keep_last]}
    days: dict[str, int] = {}
    for entry in versions:
        days.setdefault(entry.time[:10], entry.generation)
    kept |= set(list(days.values())[: retention.keep_days])
    # The one before the head stays, for a writer looks for it after it has written the head.
    wanted = min(head - retention.keep_last + 1, head - 1)
    new_floor = max(floor, min([wanted, *(entry.generation for entry in known if entry.time >= young)]), 1)
    return Plan(
        floor=new_floor,
        versions=tuple(e for e in known if e.generation < new_floor and e.generation in kept),
        holds=live,
        collected=tuple(e.generation for e in known if e.generation < new_floor and e.generation not in kept),
        final=new_floor == max(floor, wanted, 1),
    )
