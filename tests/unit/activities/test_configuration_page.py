"""docs/configuration.md names what there is, with its defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from activities.bot_spec import BotSpec
from activities.definition.load import OVERLAPS, PLATFORM_KEYS, RUNTIMES
from activities.definition.quantities import attempts, days, megabytes, seconds, versions

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
ROW = re.compile(r"^\| (`.+?`(?:, `.+?`)*) \|(.*?)\| (.*) \|$", re.MULTILINE)
DEFAULTS = BotSpec(bot_id="b", runtime="python3.11", entrypoint="main.py")


def rows(section: str) -> dict[str, str]:
    """The default of each key in the table of a section."""
    text = PAGE.split(f"## `{section}`")[1].split("\n## ")[0]
    found = {match[1]: match[2].strip() for match in ROW.finditer(text)}
    return {name.strip("`"): default for names, default in found.items() for name in names.split(", ")}


def test_every_key_of_the_platform_is_there_and_no_other() -> None:
    assert rows("config.json").keys() == set(PLATFORM_KEYS)


@pytest.mark.parametrize("name", [*RUNTIMES, *OVERLAPS])
def test_every_choice_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    ("key", "read", "default"),
    [
        ("catchup_window", seconds, DEFAULTS.catchup_window_s),
        ("jitter", seconds, DEFAULTS.jitter_s),
        ("stop_grace", seconds, DEFAULTS.stop_grace_s),
        ("sync_interval", seconds, DEFAULTS.sync_interval_s),
        ("sync_budget", seconds, DEFAULTS.sync_budget_s),
        ("max_attempts", attempts, DEFAULTS.max_attempts),
        ("max_state_mb", megabytes, DEFAULTS.max_state_mb),
        ("state_keep_last", versions, DEFAULTS.state_keep_last),
        ("state_keep_days", days, DEFAULTS.state_keep_days),
        ("timezone", str, DEFAULTS.timezone),
        ("overlap", str, DEFAULTS.overlap),
        ("tenant", str, DEFAULTS.tenant),
    ],
)
def test_defaults_are_those_of_the_program(key: str, read: type, default: object) -> None:
    assert read(rows("config.json")[key].strip("`")) == default
