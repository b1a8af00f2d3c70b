"""What cannot be deployed is refused with file, field and reason, and nothing is changed by it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from tests.support.bots import write_bot
from tests.support.stack import Stack
from worker.cli.app import app
from worker.storage import open_store

SOURCE = "def main(bot_id, config):\n    pass\n"
INTEGER = {"type": "integer"}
Change = Callable[[Path], object]


def config(**values: Any) -> Change:
    """Change fields of config.json."""
    return _rewrite("config.json", json.loads, json.dumps, values)


def bot_config(**values: Any) -> Change:
    """Change fields of bot-config.yaml."""
    return _rewrite("bot-config.yaml", yaml.safe_load, yaml.safe_dump, values)


def _rewrite(name: str, read: Any, write: Any, values: dict[str, Any]) -> Change:
    def change(directory: Path) -> None:
        path = directory / name
        path.write_text(write({**read(path.read_text()), **values}))

    return change


def file(name: str, content: str | bytes) -> Change:
    """Write a file."""
    data = content.encode() if isinstance(content, str) else content
    return lambda directory: (directory / name).write_bytes(data)


def without(name: str) -> Change:
    return lambda directory: (directory / name).unlink()


def pipe(name: str) -> Change:
    """A pipe in a file's place: whoever reads it waits for ever."""

    def change(directory: Path) -> None:
        (directory / name).unlink()
        os.mkfifo(directory / name)

    return change


def schema(**values: Any) -> Change:
    return file("bot-schema.json", json.dumps({"type": "object", **values}))


def realtime(directory: Path) -> None:
    bot_config(type="realtime")(directory)
    config(type="realtime")(directory)


# What is changed in a good scheduled bot, and what the message has to name.
CASES: dict[str, tuple[list[Change], list[str]]] = {
    "no bot-config.yaml": ([without("bot-config.yaml")], ["bot-config.yaml: is missing"]),
    "bot-config.yaml is not YAML": (
        [file("bot-config.yaml", "name: [unclosed\ntype: x\n")],
        ["bot-config.yaml: is not YAML: line 2"],
    ),
    "bot-config.yaml is a list": ([file("bot-config.yaml", "- a\n")], ["bot-config.yaml: is not a mapping"]),
    "bot-config.yaml is binary": (
        [file("bot-config.yaml", b"\xff\xfe\x00a")],
        ["bot-config.yaml: is not UTF"],
    ),
    "bot-config.yaml is a pipe": ([pipe("bot-config.yaml")], ["bot-config.yaml: is not a file"]),
    "bot-config.yaml runs code": (
        [file("bot-config.yaml", "name: !!python/object/apply:os.system ['true']\n")],
        ["bot-config.yaml: is not YAML", "python/object"],
    ),
    "bot-config.yaml is a bomb": (
        [file("bot-config.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")],
        ["bot-config.yaml: is not YAML", "aliases"],
    ),
    "no config.json": ([without("config.json")], ["config.json: is missing"]),
    "config.json is not JSON": ([file("config.json", '{"name": }')], ["config.json: is not JSON", "line 1"]),
    "config.json is a list": ([file("config.json", "[]")], ["config.json: is not a JSON object"]),
    "config.json holds NaN": ([config(limit=float("nan"))], ["config.json: is not JSON", "NaN"]),
    "config.json holds too much": (
        [file("config.json", '{"name": "x", "limit": 1e999}')],
        ["config.json: is not JSON", "1e999"],
    ),
    "config.json holds half a character": (
        [file("config.json", '{"name": "x", "text": "\\ud800"}')],
        ["config.json", "half of a character"],
    ),
    "both files are bad": (
        [file("config.json", "?"), file("bot-config.yaml", "?: [")],
        ["config.json: is not JSON", "bot-config.yaml: is not YAML"],
    ),
    "unknown runtime": ([bot_config(runtime="python")], ["bot-config.yaml: runtime", "python3.11"]),
    "unknown type": ([bot_config(type="hourly")], ["bot-config.yaml: type", "'hourly'"]),
    "no version": ([bot_config(version="one")], ["bot-config.yaml: version", "'one'", "1.0.0"]),
    "missing entrypoint": (
        [bot_config(entrypoints={"bot": "nowhere.py"})],
        ["bot-config.yaml: entrypoints.bot", "nowhere.py"],
    ),
    "no entrypoints": ([bot_config(entrypoints=None)], ["bot-config.yaml: entrypoints.bot: is required"]),
    "missing query entrypoint": (
        [bot_config(entrypoints={"bot": "main.py", "query": "q.py"})],
        ["bot-config.yaml: entrypoints.query", "q.py"],
    ),
    "entrypoint outside": (
        [bot_config(entrypoints={"bot": "../main.py"})],
        ["bot-config.yaml: entrypoints.bot", "outside"],
    ),
    "entrypoint through a link": (
        [
            lambda place: (place / "link.py").symlink_to("/etc/passwd"),
            bot_config(entrypoints={"bot": "link.py"}),
        ],
        ["bot-config.yaml: entrypoints.bot", "outside"],
    ),
    "entrypoint like an option": (
        [file("-c", "x"), bot_config(entrypoints={"bot": "-c"})],
        ["bot-config.yaml: entrypoints.bot", "'-c'"],
    ),
    "entrypoint with a zero byte": (
        [bot_config(entrypoints={"bot": "a\0b"})],
        ["bot-config.yaml: entrypoints.bot", "no path"],
    ),
    "entrypoint with an endless name": (
        [bot_config(entrypoints={"bot": "a" * 500})],
        ["bot-config.yaml: entrypoints.bot", "no file"],
    ),
    "entrypoint ignored": (
        [file(".durabotignore", "*.py\n")],
        ["entrypoints.bot", "main.py", ".durabotignore"],
    ),
    "entrypoint with a syntax error": ([file("main.py", "def main(:\n")], ["main.py: line 1"]),
    "entrypoint with a zero": ([file("main.py", "def main(b, c): pass\n\0")], ["main.py", "null bytes"]),
    "bad cron": ([config(schedule="61 * * * *")], ["config.json: schedule", "minute", "'61'"]),
    "cron in words": ([config(schedule="every day")], ["config.json: schedule", "2 fields"]),
    "cron with a year that has passed": (
        [config(schedule="0 0 1 1 * 2020")],
        ["config.json: schedule", "2020"],
    ),
    "a date that never comes": ([config(schedule="0 0 30 2 *")], ["config.json: schedule", "never comes"]),
    "half a second": ([config(schedule="@every 500ms")], ["config.json: schedule", "500ms", "1h30m"]),
    "strange digits": ([config(schedule="*/\u00b2 * * * *")], ["config.json: schedule", "step"]),
    "no schedule": ([config(schedule=None)], ["config.json: schedule: is required"]),
    "schedule of a realtime bot": ([realtime], ["config.json: schedule", "realtime"]),
    "bad time zone": ([config(timezone="Berlin")], ["config.json: timezone", "'Berlin'", "Europe/Berlin"]),
    "time zone of the machine": ([config(timezone="localtime")], ["config.json: timezone"]),
    "time zone from a path": ([config(timezone="../../etc/passwd")], ["config.json: timezone"]),
    "bad overlap": ([config(overlap="twice")], ["config.json: overlap", "skip"]),
    "enabled in words": ([config(enabled="no")], ["config.json: enabled", "true or false"]),
    "bad memory limit": ([config(memory_limit="lots")], ["config.json: memory_limit", "'lots'", "512Mi"]),
    "endless memory": ([config(memory_limit="9" * 400)], ["config.json: memory_limit"]),
    "endless number": ([config(stop_grace=10**300)], ["config.json: stop_grace", "64 bits"]),
    "negative time": ([config(timeout=-1)], ["config.json: timeout", "-1"]),
    "a grace beyond the timeout": (
        [config(timeout="5s", stop_grace="10s")],
        ["config.json: timeout", "5 s is not longer than the stop_grace"],
    ),
    "an endless stop": ([config(sync_budget="3h")], ["config.json: stop_grace", "a stop may take"]),
    "runs that pile up": (
        [config(timeout="40d", overlap="allow_all")],
        ["config.json: timeout", "pile up", "buffer_one"],
    ),
    "no attempts": ([config(max_attempts=0)], ["config.json: max_attempts", "from 1"]),
    "state limit in minutes": ([config(max_state_mb="5h")], ["config.json: max_state_mb", "'5h'"]),
    "tenant like a path": ([config(tenant="a/b")], ["config.json: tenant", "'a/b'"]),
    "host like a query": ([config(host="x' OR 'a'='a")], ["config.json: host"]),
    "name with a slash": ([config(name="a/b")], ["config.json: name", "'a/b'"]),
    "name like a path": ([config(name="../x")], ["config.json: name", "'../x'"]),
    "name with a quote": ([config(name="it's")], ["config.json: name"]),
    "name with a line end": ([config(name="a\nb")], ["config.json: name", "a\\nb"]),
    "name in another script": ([config(name="bot-\u00e4")], ["config.json: name", "letters, digits"]),
    "endless name": ([config(name="x" * 5000)], ["config.json: name", "at most 63"]),
    "no name": ([config(name=None)], ["config.json: name: is required"]),
    "config of another bot": ([config(type="realtime/other")], ["config.json: type", "realtime/other"]),
    "config breaks its schema": (
        [
            schema(properties={"size": INTEGER, "deep": {"properties": {"a": {"const": 1}}}}),
            config(size="big", deep={"a": 2}),
        ],
        ["config.json: size", "'big'", "config.json: deep.a", "1 was expected"],
    ),
    "schema wants more": ([schema(required=["pair"])], ["config.json", "'pair' is a required property"]),
    "schema is no schema": (
        [schema(properties={"a": {"type": "text"}})],
        ["bot-schema.json: properties.a", "'text'"],
    ),
    "schema is not JSON": ([file("bot-schema.json", "{")], ["bot-schema.json: is not JSON"]),
    "schema never ends": ([schema(**{"$ref": "#"}), config(a=1)], ["bot-schema.json", "without an end"]),
    "schema from elsewhere": (
        [schema(properties={"a": {"$ref": "http://127.0.0.1:1/s.json"}}), config(a=1)],
        ["bot-schema.json", "not in this file"],
    ),
    "schema with a broken pattern": (
        [schema(properties={"a": {"pattern": "("}}), config(a="x")],
        ["bot-schema.json", "pattern"],
    ),
    "schema outside": ([bot_config(schema={"bot": "../s.json"})], ["bot-config.yaml: schema.bot"]),
    "config too large for a variable": (
        [config(text="\u00e4" * 100_000)],
        ["config.json", "as a variable", "120000"],
    ),
    "requirements nobody can install": (
        [file("requirements.txt", "./no-such-directory\n")],
        ["requirements.txt", "no-such-directory"],
    ),
    "requirements that are none": (
        [file("requirements.txt", "= = what?\n")],
        ["requirements.txt", "= = what?"],
    ),
    "a pipe among the code": ([lambda place: os.mkfifo(place / "events")], ["events", "neither a file"]),
    "a link out of the code": (
        [lambda place: (place / "all").symlink_to("/etc")],
        ["all", "/etc", "outside"],
    ),
    "a name that containers change": ([file("a\\b.txt", "x")], [".durabotignore", "a\\\\b.txt"]),
    "a name that is no text": ([lambda place: file(os.fsdecode(b"\xff.txt"), "x")(place)], ["\\udcff.txt"]),
    "ignore rules that are binary": ([file(".durabotignore", b"\xff\xfe")], [".durabotignore"]),
}


def deploy(stack: Stack, source: Path, *options: str) -> Result:
    """The command in this process: starting a program for each of so many would take minutes."""
    return CliRunner().invoke(app, ["deploy", str(source), *options], env=stack.environment)


def test_an_invalid_bot_is_refused_by_name_and_nothing_changes(stack: Stack, tmp_path: Path) -> None:
    names = {case: f"invalid-{number}" for number, case in enumerate(CASES)}
    failed = []
    for case, (changes, needles) in CASES.items():
        directory = write_bot(
            tmp_path / names[case], names[case], SOURCE, kind="scheduled", schedule="@hourly"
        )
        for change in changes:
            change(directory)
        done = deploy(stack, directory, "--json")
        try:
            told = json.loads(done.stderr)
        except ValueError:
            failed.append(f"{case}: {done.exit_code}, no JSON: {done.stderr[-300:]} {done.exception!r}")
            continue
        missing = [needle for needle in needles if needle not in told["error"]]
        if done.exit_code != 1 or done.stdout or missing or not told["next"]:
            failed.append(f"{case}: {done.exit_code}, lacks {missing}: {told}")
    assert not failed, "\n".join(failed)
    assert not [row for row in stack.json("list") if row["bot_id"].startswith("invalid-")]
    store = open_store(stack.worker_settings())
    try:
        assert not [key for name in names.values() for key in store.list("custom-bots", f"{name}/")]
    finally:
        store.close()


def test_people_read_one_problem_per_line(stack: Stack, tmp_path: Path) -> None:
    directory = write_bot(
        tmp_path / "bot", "two-faults", SOURCE, kind="scheduled", schedule="x", timezone="y"
    )
    done = stack.run("deploy", str(directory), check=False)
    assert done.returncode == 1
    assert "\n  config.json: schedule: " in done.stderr
    assert "\n  config.json: timezone: " in done.stderr
    assert "nothing was changed" in done.stderr
    problems = json.loads(deploy(stack, directory, "--json").stderr)["problems"]
    assert [(each["file"], each["field"]) for each in problems] == [
        ("config.json", "schedule"),
        ("config.json", "timezone"),
    ]
