"""What a bot finds when it begins: arguments, configuration, environment, places, clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.conformance.behaviours.registry import EVERY, Cell, behaviour
from tests.conformance.laboratory import GREETING
from tests.conformance.scenarios import INSTANT, PLACES, SECRETS
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY

REQUIRED = {
    "BOT_ID", "BOT_CONFIG", "STATE_DIR", "CODE_MOUNT_DIR", "SCRIPT_PATH", "ENTRYPOINT_TYPE", "BOT_TYPE",
}  # fmt: skip
READ_ONLY = ("/etc/x", "/usr/x", "/app/x")


def environment(cell: Cell, run: str = "first") -> dict[str, str]:
    """Of the bot in this run."""
    lines = cell.evidence.seen[run].said("environment")
    return dict(line.split("=", 1) for line in lines)


@behaviour("`main` gets the bot's id and configuration; a program gets no arguments", "runs")
def arguments(cell: Cell) -> None:
    [said] = cell.evidence.seen["first"].said("arguments")
    bot_id = environment(cell)["BOT_ID"]
    assert said == (f"0 {bot_id}" if cell.program.argument else "0")


@behaviour("standard input is empty and ends", "runs")
def stdin(cell: Cell) -> None:
    assert cell.evidence.seen["first"].said("stdin") == ["0"]


@behaviour("the working directory is the bot's code", "runs")
def working_directory(cell: Cell) -> None:
    assert cell.evidence.seen["first"].said("directory") == [f"/{environment(cell)['CODE_MOUNT_DIR']}"]


@behaviour("texts of the configuration arrive, whatever their characters", "runs")
def config_non_ascii(cell: Cell) -> None:
    assert cell.evidence.seen["first"].said("config") == [GREETING]
    assert environment(cell)["BOT_CONFIG"].isascii()


@behaviour("the contract's variables are there, with a UTF-8 locale", "runs")
def variables(cell: Cell) -> None:
    found = environment(cell)
    assert set(found) >= REQUIRED
    assert (found["BOT_TYPE"], found["ENTRYPOINT_TYPE"], found["LC_ALL"]) == ("scheduled", "bot", "C.UTF-8")
    assert found["SCRIPT_PATH"] == cell.program.entrypoint


@behaviour("no credential of the platform is in the environment", "runs")
def environment_clean(cell: Cell) -> None:
    found = environment(cell)
    assert not [name for name in found if name.startswith(("MINIO_", "AWS_", "DURABOT_"))]
    assert not [name for name, value in found.items() if SECRET_KEY in value or ACCESS_KEY in value]


@behaviour("nor can the bot read one from a file or from `/proc`", "runs", confined_only=EVERY)
def credentials_unreachable(cell: Cell) -> None:
    found = dict(line.rsplit(" ", 1) for line in cell.evidence.seen["first"].said("find"))
    assert set(found) == set(SECRETS)
    assert found["/proc/self/environ"] == "no"
    assert "yes" not in found.values()


@behaviour("`QUERY_PATH` is absent, not empty, in scheduled and realtime runs", "runs")
def query_path_absent(cell: Cell) -> None:
    assert not [name for name in environment(cell) if name.startswith("QUERY_")]


@behaviour("`BOT_TYPE` tells a realtime bot that it is one, and `QUERY_PATH` is absent", "lives")
def realtime_variables(cell: Cell) -> None:
    found = environment(cell, "run")
    assert found["BOT_TYPE"] == "realtime"
    assert not [name for name in found if name.startswith("QUERY_")]


@behaviour("only the contract's places are writable", "runs", confined_only=EVERY)
def places(cell: Cell) -> None:
    found = dict(line.split(" ") for line in cell.evidence.seen["first"].said("touch"))
    assert found == {place: "no" if place in READ_ONLY else "yes" for place in PLACES}


@behaviour("time zones are known, and the local one is the container's", "runs")
def time_zone(cell: Cell) -> None:
    local = 22 if cell.laboratory.kind == "docker" else _hour_of_this_host()
    hours = {"local": local, "Europe/Zurich": 23, "America/New_York": 17}
    assert cell.evidence.seen["first"].said("hour") == [f"{zone} {hour}" for zone, hour in hours.items()]


def _hour_of_this_host() -> int:
    # Not by the clock of this process: bots do not get its TZ.
    path = Path("/etc/localtime")
    if not path.exists():
        return datetime.fromtimestamp(int(INSTANT), UTC).hour
    with path.open("rb") as file:
        return datetime.fromtimestamp(int(INSTANT), ZoneInfo.from_file(file)).hour
