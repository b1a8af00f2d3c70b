"""A host's name belongs to one machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from activities.errors import ControlPlaneUnavailable
from activities.host_directory import HostDirectory
from activities.host_messages import LOST, READY, HostReport
from worker import host_identity
from worker.host_identity import TakenName, is_taken, refuse_taken_name


def report(**fields: Any) -> HostReport:
    return HostReport(host="h", **fields)


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        (None, False),
        (report(identity="", phase=READY, bots=3), False),
        (report(identity="mine", phase=READY, bots=3), False),
        (report(identity="other", phase=READY), True),
        (report(identity="other", phase=LOST, bots=1), True),
        (report(identity="other", phase=LOST), False),
        (report(identity="other", phase=LOST, bots=1, dead=True), False),
    ],
)
def test_a_name_is_taken(found: HostReport | None, taken: bool) -> None:
    assert is_taken(found, "mine") is taken


def test_an_identity_is_that_of_the_data_directory(tmp_path: Path) -> None:
    one = host_identity.host_identity(tmp_path / "a")
    assert one == host_identity.host_identity(tmp_path / "a")
    assert one != host_identity.host_identity(tmp_path / "b")
    assert one


class Directory:
    """Answers at the third question."""

    def __init__(self, found: HostReport) -> None:
        self.asked = 0
        self._found = found

    async def report(self, host: str, asked: object) -> HostReport:
        self.asked += 1
        if self.asked < 3:
            raise ControlPlaneUnavailable("away")
        return self._found


def test_nothing_starts_before_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_identity, "PAUSE_S", 0)
    directory = Directory(report(identity="other", phase=READY))
    with pytest.raises(TakenName, match="drain h --dead"):
        asyncio.run(refuse_taken_name(cast(HostDirectory, directory), "h", "mine", asyncio.Event()))
    assert directory.asked == 3
