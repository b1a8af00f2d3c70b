"""Bot directories: existing ones load unchanged, and a problem names its file, its field and the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.bot_spec import BotSpec
from activities.definition.invalid import InvalidDefinition, Problem
from activities.definition.load import PLATFORM_KEYS, load

# As they are found in existing installations.
BOT: dict[str, Any] = {
    "name": "sma-crossover",
    "description": "Trades crossings",
    "version": "1.2.0",
    "author": "somebody",
    "type": "scheduled",
    "runtime": "python3.11",
    "entrypoints": {"bot": "main.py", "query": "query.py"},
    "schema": {"bot": "bot-schema.json"},
    "readme": "README.md",
    "metadata": {"categories": ["trading"], "tags": ["sma"]},
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "symbol": {"type": "string", "minLength": 3},
        "periods": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "required": ["symbol"],
    "additionalProperties": False,
}
CONFIG: dict[str, Any] = {
    "name": "btc-sma",
    "type": "scheduled/sma-crossover",
    "version": "1.2.0",
    "schedule": "*/5 * * * *",
    "enabled": True,
    "memory_limit": "512Mi",
    "cpu_limit": "500m",
    "symbol": "BTC",
    "periods": [5, 20],
}
GONE = object()
Change = dict[str, Any]


def changed(values: dict[str, Any], change: Change) -> dict[str, Any]:
    return {name: value for name, value in {**values, **change}.items() if value is not GONE}


def write(
    directory: Path, bot: Change | None = None, schema: Change | None = None, config: Change | None = None
) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "bot-config.yaml").write_text(yaml.safe_dump(changed(BOT, bot or {})))
    (directory / "bot-schema.json").write_text(json.dumps(changed(SCHEMA, schema or {})))
    (directory / "config.json").write_text(json.dumps(changed(CONFIG, config or {})))
    for name in ("main.py", "query.py"):
        (directory / name).write_text("def main(bot_id, config):\n    pass\n")
    return directory


def problems_of(directory: Path) -> list[Problem]:
    with pytest.raises(InvalidDefinition) as refused:
        load(directory)
    assert str(refused.value) == "; ".join(map(str, refused.value.problems))
    return refused.value.problems


def test_an_existing_directory_loads_unchanged(tmp_path: Path) -> None:
    found = load(write(tmp_path))
    assert (found.enabled, found.warnings) == (True, ())
    assert found.spec == BotSpec(
        bot_id="btc-sma",
        runtime="python3.11",
        entrypoint="main.py",
        bot_type="scheduled",
        query_entrypoint="query.py",
        version="1.2.0",
        description="Trades crossings",
        # The whole object is what the bot gets.
        config=CONFIG,
        memory_mb=512,
        cpu=0.5,
        schedule="*/5 * * * *",
    )


def test_everything_optional_may_be_left_out(tmp_path: Path) -> None:
    bot = {"type": "realtime", "readme": GONE, "metadata": GONE, "author": GONE, "description": GONE}
    bot |= {"entrypoints": {"bot": "main.py"}, "schema": GONE}
    config = dict.fromkeys(("type", "version", "schedule", "enabled", "memory_limit", "cpu_limit"), GONE)
    write(tmp_path, bot, config=config)
    (tmp_path / "bot-schema.json").unlink()
    found = load(tmp_path)
    assert found.spec.bot_type == "realtime"
    assert (found.enabled, found.spec.query_entrypoint, found.spec.memory_mb) == (True, "", 0)


@pytest.mark.parametrize(("enabled", "expected"), [(False, False), (True, True)])
def test_enabled(tmp_path: Path, enabled: bool, expected: bool) -> None:
    assert load(write(tmp_path, config={"enabled": enabled})).enabled is expected


def test_the_settings_of_the_platform_are_read_and_not_held_against_the_schema(tmp_path: Path) -> None:
    given = {
        "timezone": "Europe/Berlin", "overlap": "buffer_one", "jitter": "2s", "catchup_window": "1m",
        "stop_grace": 5, "sync_budget": "20s", "sync_interval": 15, "timeout": "1h", "max_attempts": 3,
        "max_state_mb": 100, "tenant": "acme", "host": "h1", "state_keep_last": 7, "state_keep_days": 0,
    }  # fmt: skip
    assert given.keys() <= set(PLATFORM_KEYS)
    spec = load(write(tmp_path, config=given)).spec
    assert (spec.timezone, spec.overlap, spec.jitter_s, spec.catchup_window_s) == (
        "Europe/Berlin", "buffer_one", 2, 60,
    )  # fmt: skip
    assert (spec.stop_grace_s, spec.sync_budget_s, spec.sync_interval_s, spec.timeout_s) == (5, 20, 15, 3600)
    assert (spec.max_attempts, spec.max_state_mb, spec.tenant, spec.host) == (3, 100, "acme", "h1")
    assert (spec.state_keep_last, spec.state_keep_days) == (7, 0)


def test_a_schema_may_describe_platform_keys_and_then_they_count(tmp_path: Path) -> None:
    described = {"properties": {**SCHEMA["properties"], "schedule": {"const": "@daily"}}}
    [problem] = problems_of(write(tmp_path, schema=described))
    assert (problem.file, problem.field) == ("config.json", "schedule")


def test_another_configuration_of_the_same_code(tmp_path: Path) -> None:
    other = tmp_path / "eth.json"
    write(tmp_path / "bot")
    other.write_text(json.dumps({**CONFIG, "name": "eth-sma", "symbol": "ETH"}))
    assert load(tmp_path / "bot", other).spec.bot_id == "eth-sma"
    other.write_text(json.dumps({**CONFIG, "symbol": 5}))
    with pytest.raises(InvalidDefinition, match=r"eth\.json: symbol: "):
        load(tmp_path / "bot", other)


def test_what_is_not_known_is_warned_of(tmp_path: Path) -> None:
    [warning] = load(write(tmp_path, bot={"entrypoint": "main.py"})).warnings
    assert warning == "bot-config.yaml: entrypoint is not known and means nothing"


@pytest.mark.parametrize(
    ("bot", "config", "field", "words"),
    [
        ({"name": GONE}, {}, "name", "is required"),
        ({"name": ["x"]}, {}, "name", "has to be a text"),
        ({"version": GONE}, {}, "version", "is required"),
        ({"version": "1.2"}, {}, "version", "not a semantic version"),
        ({"type": GONE}, {}, "type", "is required"),
        ({"type": "daily"}, {"type": GONE}, "type", "'daily', not realtime or scheduled"),
        ({"runtime": GONE}, {}, "runtime", "is required"),
        ({"runtime": "python3"}, {}, "runtime", "did you mean python3.11?"),
        ({"entrypoints": GONE}, {}, "entrypoints.bot", "is required"),
        ({"entrypoints": "main.py"}, {}, "entrypoints.bot", "is required"),
        ({"entrypoints": {"bot": "gone.py"}}, {}, "entrypoints.bot", "there is no file gone.py"),
        ({"entrypoints": {"bot": "../main.py"}}, {}, "entrypoints.bot", "outside of the bot's directory"),
        ({"entrypoints": {"bot": "/main.py"}}, {}, "entrypoints.bot", "outside of the bot's directory"),
        ({"entrypoints": {"bot": "main.py", "query": 5}}, {}, "entrypoints.query", "has to be a text"),
        ({"entrypoints": {"bot": "main.py", "query": "q"}}, {}, "entrypoints.query", "there is no file q"),
        ({"schema": {"bot": "../x.json"}}, {}, "schema.bot", "is no file of the bot's directory"),
        ({"schema": {"bot": 5}}, {}, "schema.bot", "is no file of the bot's directory"),
    ],
)
def test_problems_of_the_bot_file(
    tmp_path: Path, bot: Change, config: Change, field: str, words: str
) -> None:
    found = problems_of(write(tmp_path, bot, config=config))
    assert [(problem.file, problem.field) for problem in found] == [("bot-config.yaml", field)]
    assert words in found[0].reason


@pytest.mark.parametrize(
    ("config", "field", "words"),
    [
        ({"name": GONE}, "name", "is required"),
        ({"name": "a/b"}, "name", "'a/b' is no bot id"),
        ({"name": "x" * 64}, "name", "is no bot id"),
        ({"name": "-x"}, "name", "is no bot id"),
        ({"type": "realtime/sma-crossover"}, "type", "but this bot is scheduled/sma-crossover"),
        ({"type": "scheduled/another"}, "type", "but this bot is scheduled/sma-crossover"),
        ({"schedule": GONE}, "schedule", "is required for a scheduled bot"),
        ({"schedule": 5}, "schedule", "is required for a scheduled bot"),
        ({"schedule": "61 * * * *"}, "schedule", "minute: '61' is not within 0 to 59"),
        ({"timezone": "Berlin"}, "timezone", "'Berlin' is no time zone"),
        ({"timezone": "../etc"}, "timezone", "is no time zone"),
        ({"overlap": "twice"}, "overlap", "is not one of skip, buffer_one"),
        ({"failover_after": "59s"}, "failover_after", "too short for a failover: at least 60s"),
        ({"failover_after": "5m", "overlap": "allow_all"}, "failover_after", "no run would be the only one"),
        ({"host_labels": ["ssd"]}, "host_labels", "has to be an object of texts"),
        ({"host_labels": {"disk": "a b"}}, "host_labels.disk", "name and value have to be labels"),
        ({"enabled": "yes"}, "enabled", "has to be true or false"),
        ({"memory_limit": "lots"}, "memory_limit", "'lots' is no amount of memory"),
        ({"cpu_limit": "fast"}, "cpu_limit", "'fast' is no number of CPUs"),
        ({"timeout": "soon"}, "timeout", "'soon' is no number of seconds"),
        ({"stop_grace": -1}, "stop_grace", "-1 is no number of seconds"),
        ({"timeout": "5s", "stop_grace": "10s"}, "timeout", "5 s is not longer than the stop_grace"),
        ({"stop_grace": "2h"}, "stop_grace", "more than the 7000 s that a stop may take"),
        ({"timeout": "40d", "overlap": "allow_all"}, "timeout", "runs would pile up"),
        ({"max_attempts": 0}, "max_attempts", "0 is no number of attempts"),
        ({"state_keep_last": 0}, "state_keep_last", "0 is no number of versions"),
        ({"state_keep_days": "all"}, "state_keep_days", "'all' is no number of days"),
        ({"tenant": "a b"}, "tenant", "'a b' is no label"),
        ({"host": "a/b"}, "host", "'a/b' is no label"),
        ({"symbol": GONE}, "", "'symbol' is a required property"),
        ({"symbol": "x"}, "symbol", "'x' is too short"),
        ({"periods": [5, 0]}, "periods.1", "0 is less than the minimum of 1"),
        ({"symbool": "BTC"}, "", "'symbool' was unexpected"),
        ({"periods": list(range(1, 60_000))}, "", "bytes as a variable, over the limit"),
    ],
)
def test_problems_of_the_configuration(tmp_path: Path, config: Change, field: str, words: str) -> None:
    found = problems_of(write(tmp_path, config=config))
    assert [(problem.file, problem.field) for problem in found] == [("config.json", field)]
    assert words in found[0].reason
    assert "\n" not in str(found[0])


def test_a_schedule_has_no_meaning_for_a_realtime_bot(tmp_path: Path) -> None:
    [problem] = problems_of(write(tmp_path, {"type": "realtime"}, config={"type": "realtime"}))
    assert str(problem) == "config.json: schedule: has no meaning for a realtime bot"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("bot-config.yaml", None, "is missing"),
        ("bot-config.yaml", "a: [", "is not YAML: line 1"),
        ("bot-config.yaml", "- a", "is not a mapping"),
        ("bot-config.yaml", "a: &x [1]\nb: *x", "aliases are not allowed"),
        ("bot-config.yaml", "a: !!python/object/apply:os.getcwd []", "is not YAML"),
        ("config.json", None, "is missing"),
        ("config.json", "{", "is not JSON"),
        ("config.json", "[]", "is not a JSON object"),
        ("config.json", '{"a": NaN}', "NaN is not JSON"),
        ("config.json", "[" * 5000, "is not JSON"),
        ("config.json", '{"a": "\\ud800"}', "half of a character"),
        ("bot-schema.json", None, "is missing"),
        ("bot-schema.json", "{", "is not JSON"),
        ("bot-schema.json", '{"type": "thing"}', "is no draft-07 schema"),
        ("bot-schema.json", '{"$ref": "http://elsewhere/x.json"}', "refers to what is not in this file"),
        ("bot-schema.json", '{"$ref": "#"}', "refers to itself without an end"),
        ("main.py", "def main(:\n", "line 1: "),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    path = write(tmp_path) / file
    path.unlink() if content is None else path.write_text(content)
    [problem] = problems_of(tmp_path)
    assert problem.file == file
    assert words in problem.reason


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    bot = {"version": "one", "runtime": "perl"}
    found = problems_of(write(tmp_path, bot, config={"timezone": "Mars", "symbol": 1, "max_attempts": 0}))
    assert [(problem.file, problem.field) for problem in found] == [
        ("bot-config.yaml", "runtime"),
        ("bot-config.yaml", "version"),
        ("config.json", "timezone"),
        ("config.json", "max_attempts"),
        ("config.json", "symbol"),
    ]
