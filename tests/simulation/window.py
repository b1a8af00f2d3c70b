"""What a snapshot may contain that is taken while the bot goes on: what was there at some instant of it."""

from __future__ import annotations

from collections.abc import Mapping

from agent.statelog.snapshot import LIST_ATTEMPTS, stays_inside
from tests.simulation import database
from tests.simulation.contents import Kept, Version
from tests.simulation.disk import Disk, Facet
from tests.simulation.violation import Violation

Listing = dict[str, Facet]


class Window:
    """Open while one sync is under way; every state of the directory meanwhile is kept."""

    def __init__(self, disk: Disk, root: str) -> None:
        self._disk = disk
        self._root = root
        self.listings: list[Listing] = [disk.listing(root)]

    def acted(self) -> None:
        """The bot changed something."""
        self.listings.append(self._disk.listing(self._root))

    def check(self, version: Version, what: str) -> None:
        """``bit-exact`` is broken unless the version is a state of this window, file by file."""
        for path, kept in version.items():
            if not any(self._is(listing.get(path), kept) for listing in self.listings):
                raise Violation("bit-exact", f"{what} has {path!r} as it never was meanwhile: {kept}")
        first, others = self.listings[0], self.listings[1:]
        for path, facet in first.items():
            if path in version:
                continue
            if all(path in at and self._is_alike(path, facet, at[path]) for at in self.listings):
                raise Violation("bit-exact", f"{what} lacks {path!r}, which was there all the time")
        self._check_database(version, what)
        # A bot that changes names all the time gets what is there at the last attempt.
        if len(others) < LIST_ATTEMPTS:
            self._check_moved(version, what)

    def _check_database(self, version: Version, what: str) -> None:
        """Both of its files together are of one instant."""

        def opened(files: Mapping[str, Kept | Facet]) -> bytes:
            data, frames = files.get(database.NAME), files.get(database.LOG)
            if data is None:
                return b""
            return database.recovered(bytes(data.content), bytes(frames.content) if frames else b"")  # type: ignore[arg-type]  # no links

        if opened(version) not in [opened(at) for at in self.listings]:
            raise Violation(
                "bit-exact", f"{what} has a database as it never was meanwhile: {opened(version)!r}"
            )

    def _check_moved(self, version: Version, what: str) -> None:
        """A file that only changed its name is in the version by one of its names."""
        names = [{facet.number: (path, facet) for path, facet in at.items()} for at in self.listings]
        for number, (path, facet) in names[0].items():
            if facet.kind != "f" or not all(number in at for at in names):
                continue
            if not any(at[number][0] in version for at in names):
                raise Violation("bit-exact", f"{what} lacks the file that was {path!r} and got another name")

    @staticmethod
    def _is_alike(path: str, facet: Facet, other: Facet) -> bool:
        """Whether it is of the same kind, and a part of the state."""
        return facet.kind == other.kind and (other.kind != "l" or stays_inside(path, str(other.content)))

    @staticmethod
    def _is(facet: Facet | None, kept: Kept) -> bool:
        """What the agent opens for a moment is seen open if it gets another name at that very moment."""
        if facet is None or (facet.kind, facet.content) != (kept.kind, kept.content):
            return False
        opened = {"d": 0o700, "f": 0o400, "l": 0}[facet.kind]
        return kept.mode in (facet.mode, facet.mode | opened)
