"""Which machine a host's name belongs to: two workers of one name would take each other's work."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path

from activities.errors import ControlPlaneUnavailable
from activities.host_directory import HostDirectory
from activities.host_messages import READY, Asked, HostReport

log = logging.getLogger(__name__)

FILE = "host-id"
PAUSE_S = 1.0


class TakenName(Exception):
    """Another machine has this name."""


def host_identity(data: Path) -> str:
    """Of a data directory, for as long as that exists: bots' states are in it."""
    data.mkdir(parents=True, exist_ok=True)
    place = data / FILE
    try:
        with place.open("x") as file:
            file.write(secrets.token_hex(8))
    except FileExistsError:
        pass  # Made by an earlier start.
    return place.read_text().strip()


def is_taken(report: HostReport | None, identity: str) -> bool:
    """Whether somebody else may still be this host. One that was declared dead, or is lost without bots, is
    not."""
    if report is None or report.identity in ("", identity) or report.dead:
        return False
    return report.phase == READY or report.bots > 0


async def refuse_taken_name(directory: HostDirectory, host: str, identity: str, stop: asyncio.Event) -> None:
    """``TakenName`` with what to do. Waits for an answer until ``stop``: without one nothing may be started
    here."""
    report: HostReport | None = None
    while not stop.is_set():
        try:
            report = await directory.report(host, Asked())
            break
        except ControlPlaneUnavailable as error:
            log.warning("whether host %s is another machine is not known yet: %s", host, error)
            await asyncio.sleep(PAUSE_S)
    if is_taken(report, identity):
        raise TakenName(
            f"another machine, or another data directory, is host {host}: set DURABOT_HOST_NAME to a name of "
            f"its own; if that one is gone for good, `durabot host drain {host} --dead` first"
        )
