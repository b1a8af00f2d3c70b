"""A bot's saved state and its versions, for people: the command line and REST call the same functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from activities.retention import MIN_AGE_S, young_since
from agent.object_store import ObjectStore
from agent.statelog import history, pins
from agent.statelog.catalogue import Record
from agent.statelog.collect import Collected, collect
from agent.statelog.diff import Change, changes
from agent.statelog.entry import Entry
from agent.statelog.retention import Retention
from agent.statelog.tree import Node
from agent.statelog.versions import Versions
from worker.settings import Settings
from worker.storage import open_store

COLLECTED = "collected"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One generation; or, of kind ``collected``, all from ``first`` to ``generation``. ``pin`` is the note of
    a pinned one, None if it is not."""

    generation: int
    kind: str
    first: int
    time: str = ""
    size: int = 0
    run_id: str = ""
    parent: int = 0
    epoch: str = ""
    tree: str = ""
    pin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """``kind`` is file, directory or link; ``mode`` octal; ``time`` the last change in unix seconds, 0 for
    others than files."""

    path: str
    kind: str
    mode: str
    size: int = 0
    time: float = 0
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One generation and its files."""

    bot_id: str
    entry: LogRow
    files: tuple[FileRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What ``after`` has other than ``before``."""

    bot_id: str
    before: int
    after: int
    changes: tuple[Change, ...]


class BotState:
    """Of one bot, which need not exist any more. Blocking; failures are typed errors of the agent."""

    def __init__(self, settings: Settings, bot_id: str) -> None:
        self._settings = settings
        self._bucket = settings.state_bucket
        self.bot_id = bot_id

    @contextmanager
    def _opened(self) -> Iterator[tuple[ObjectStore, Versions]]:
        store = open_store(self._settings)
        try:
            yield store, Versions(store, self._bucket, self.bot_id)
        finally:
            store.close()

    def log(self, limit: int) -> list[LogRow]:
        """The newest ``limit`` versions, newest first, and between them what was collected; empty when there
        is no state yet."""
        with self._opened() as (_, versions):
            record = versions.record()
            return log_rows(versions.newest_first(record, limit + 1), record, limit)

    def show(self, generation: int | None) -> Version:
        """A generation, by default the newest, and its files."""
        with self._opened() as (_, versions):
            record = versions.record()
            entry = versions.head() if generation is None else versions.find(generation, record)
            files = tuple(map(_file, versions.nodes(entry)))
        return Version(bot_id=self.bot_id, entry=_row(entry, record), files=files)

    def diff(self, before: int, after: int | None) -> Difference:
        """From one generation to another one, by default the newest."""
        with self._opened() as (_, versions):
            one = versions.find(before)
            other = versions.head() if after is None else versions.find(after)
            found = changes(versions.nodes(one), versions.nodes(other))
        return Difference(
            bot_id=self.bot_id, before=one.generation, after=other.generation, changes=tuple(found)
        )

    def export(self, generation: int | None, target: Path) -> Entry:
        """Into a directory that is empty or does not exist."""
        with self._opened() as (store, _):
            return history.export(store, self._bucket, self.bot_id, generation, target)

    def pin(self, generation: int, note: str) -> LogRow:
        """Keep a generation until it is unpinned."""
        with self._opened() as (store, versions):
            entry = pins.pin(store, self._bucket, self.bot_id, generation, note)
            return _row(entry, versions.record())

    def unpin(self, generation: int) -> None:
        """Leave a generation to the retention again."""
        with self._opened() as (store, _):
            pins.unpin(store, self._bucket, self.bot_id, generation)

    def collect(self, retention: Retention, *, dry_run: bool, min_age_s: float = MIN_AGE_S) -> Collected:
        """Forget what the retention does not keep, now."""
        with self._opened() as (store, _):
            return collect(
                store,
                self._bucket,
                self.bot_id,
                retention,
                young=young_since(min_age_s),
                dry_run=dry_run,
            )


def log_rows(found: list[Entry], record: Record, limit: int) -> list[LogRow]:
    """``found`` is newest first, and one more than ``limit`` if there is: so it is known what is missing
    below the last that is shown."""
    rows: list[LogRow] = []
    for number, entry in enumerate(found[:limit], 1):
        rows.append(_row(entry, record))
        first = found[number].generation + 1 if number < len(found) else 1
        if first < entry.generation:
            rows.append(LogRow(generation=entry.generation - 1, kind=COLLECTED, first=first))
    return rows


def _row(entry: Entry, record: Record) -> LogRow:
    return LogRow(
        generation=entry.generation,
        kind=entry.kind,
        first=entry.generation,
        time=entry.time,
        size=entry.size,
        run_id=entry.run_id,
        parent=entry.parent,
        epoch=entry.epoch,
        tree=entry.tree,
        pin=record.pins.get(entry.generation),
    )


def _file(node: Node) -> FileRow:
    kind = {"d": "directory", "f": "file", "l": "link"}[node.kind]
    return FileRow(
        path=node.path,
        kind=kind,
        mode=f"{node.mode:04o}",
        size=node.size,
        time=node.mtime_ns / 1e9,
        target=node.target,
    )
