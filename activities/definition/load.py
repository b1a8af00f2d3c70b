"""A bot directory and its configuration as one checked description."""

from __future__ import annotations

import difflib
import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from activities.bot_spec import ALLOW_ALL, REALTIME, SCHEDULED, BotSpec
from activities.cron import InvalidCron
from activities.cron import parse as parse_cron
from activities.definition import limits
from activities.definition.files import read_json, read_yaml
from activities.definition.invalid import InvalidDefinition, Problem, one_line
from activities.definition.python_source import missing_main, syntax_problem
from activities.definition.quantities import (
    attempts,
    cpu_cores,
    days,
    failover_seconds,
    megabytes,
    seconds,
    versions,
)
from activities.definition.schema import Secrets, hold_against
from activities.errors import InvalidInput

BOT_FILE = "bot-config.yaml"
SCHEMA_FILE = "bot-schema.json"
CONFIG_FILE = "config.json"
BOT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
LONGEST_VERSION = 64
# Shown in the Web UI and carried in every run's history.
LONGEST_DESCRIPTION = 4000
# An engine has more rules; these keep out what is not a name at all.
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
# Part of a task queue's name and of a search attribute.
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
RUNTIMES = ("python3.11", "nodejs20", "rust-stable", "gcc13", "cpp-gcc13", "ghc96", "dotnet8", "scala3")
OVERLAPS = ("skip", "buffer_one", "allow_all", "cancel_other")
# Keys of the platform in config.json. A schema that allows no others describes the bot's own parameters, so
# these are not held against it; those that it describes itself are checked like any other.
PLATFORM_KEYS = (
    "name",
    "type",
    "version",
    "schedule",
    "enabled",
    "memory_limit",
    "cpu_limit",
    "timezone",
    "overlap",
    "jitter",
    "catchup_window",
    "stop_grace",
    "sync_budget",
    "sync_interval",
    "timeout",
    "max_attempts",
    "max_state_mb",
    "state_keep_last",
    "state_keep_days",
    "tenant",
    "host",
    "runtime_image",
    "host_labels",
    "failover_after",
)
# More unknown fields than this are another program's file.
WARNINGS = 20
# Bots get their configuration as an environment variable, which the kernel bounds.
LARGEST_CONFIG_BYTES = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """``spec`` lacks the code, which is packed and stored later. ``entry_files`` are the files that the
    entrypoints name, by field. ``secrets`` is where the configuration has values that its schema marks."""

    directory: Path
    spec: BotSpec
    enabled: bool
    entry_files: dict[str, str]
    warnings: tuple[str, ...]
    secrets: Secrets = ()


class _Reader:
    """Collects problems instead of stopping at the first."""

    def __init__(self, file: str, values: dict[str, Any]) -> None:
        self.file = file
        self.values = values
        self.problems: list[Problem] = []

    def wrong(self, field: str, reason: str) -> None:
        self.problems.append(Problem(file=self.file, field=field, reason=one_line(reason)))

    def text(self, field: str, *, required: bool = False, default: str = "") -> str:
        value = self.values.get(field)
        if value is None:
            if required:
                self.wrong(field, "is required")
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            self.wrong(field, "has to be a text")
            return default
        return str(value)

    def quantity(self, field: str, read: Any, default: Any) -> Any:
        if field not in self.values:
            return default
        try:
            return read(self.values[field])
        except InvalidInput as error:
            self.wrong(field, str(error))
            return default


def load(
    directory: Path, config_file: Path | None = None, instead: Mapping[str, Any] | None = None
) -> Definition:
    """``InvalidDefinition`` tells every problem of a file with the field's path. ``instead`` takes the place
    of keys of the platform in the configuration, without the bot being told of it."""
    bot_values, bot_problems = _read(read_yaml, directory / BOT_FILE)
    config_path = config_file or directory / CONFIG_FILE
    config_values, config_problems = _read(read_json, config_path)
    if bot_problems or config_problems:
        raise InvalidDefinition([*bot_problems, *config_problems])
    bot, config = (
        _Reader(BOT_FILE, bot_values),
        _Reader(config_path.name, {**config_values, **(instead or {})}),
    )
    bot_type, runtime = bot.text("type", required=True), bot.text("runtime", required=True)
    if bot_type and bot_type not in (REALTIME, SCHEDULED):
        bot.wrong("type", f"is {bot_type[:80]!r}, not realtime or scheduled")
    if runtime and runtime not in RUNTIMES:
        near = difflib.get_close_matches(runtime[:80], RUNTIMES, 1, 0.3)
        bot.wrong("runtime", f"is {runtime[:80]!r}" + (f"; did you mean {near[0]}?" if near else ""))
    bot_name, version = bot.text("name", required=True), bot.text("version", required=True)
    if version and (len(version) > LONGEST_VERSION or not SEMVER.fullmatch(version)):
        bot.wrong("version", f"is {version[:80]!r}, not a semantic version such as 1.0.0")
    if len(bot.text("description")) > LONGEST_DESCRIPTION:
        bot.wrong("description", f"is longer than {LONGEST_DESCRIPTION} characters")
    entry_files = _entrypoints(bot, directory, runtime)
    _check_config(config, bot_type, bot_name)
    spec = replace(_spec(bot, config, bot_type, runtime, version), config=config_values)
    spec = limits.with_defaults(spec, config.values)
    if not config.problems:
        for field, reason in limits.misfits(spec):
            config.wrong(field, reason)
    secrets, of_schema = _schema(bot, directory, config_path, config.values)
    problems = [*bot.problems, *config.problems, *of_schema]
    if runtime == "python3.11":
        problems += [
            Problem(file=name, field="", reason=reason)
            for name in dict.fromkeys(entry_files.values())
            if (reason := syntax_problem(directory / name))
        ]
    if problems:
        # A field that is read twice is wrong once.
        raise InvalidDefinition(list(dict.fromkeys(problems)))
    known = {"name", "description", "version", "author", "type", "runtime", "entrypoints", "schema"}
    unknown = sorted(bot.values.keys() - known - {"readme", "metadata"})
    warnings = [f"{BOT_FILE}: {one_line(name)} is not known and means nothing" for name in unknown[:WARNINGS]]
    warnings += [f"{config.file}: {warning}" for warning in limits.warnings(spec)]
    if runtime == "python3.11" and missing_main(directory / spec.entrypoint):
        warnings.append(f"{spec.entrypoint}: has no function main(bot_id, config) that can be seen")
    return Definition(
        directory=directory,
        spec=spec,
        enabled=config.values.get("enabled", True) is not False,
        entry_files=entry_files,
        warnings=tuple(warnings),
        secrets=secrets,
    )


def _read(read: Callable[[Path], dict[str, Any]], path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Both files are read before either's problems are told."""
    try:
        return read(path), []
    except InvalidDefinition as error:
        return {}, error.problems


def _entrypoints(bot: _Reader, directory: Path, runtime: str) -> dict[str, str]:
    """The files that exist, by their fields."""
    found = bot.values.get("entrypoints")
    files: dict[str, str] = {}
    if not isinstance(found, dict) or not isinstance(found.get("bot"), str):
        bot.wrong("entrypoints.bot", "is required")
        return files
    for kind in ("bot", "query"):
        entry = found.get(kind)
        if entry is None:
            continue
        if not isinstance(entry, str) or not entry:
            bot.wrong(f"entrypoints.{kind}", "has to be a text")
            continue
        name = entry.rpartition(":")[0] or entry if runtime == "scala3" else entry
        name = f"{name}.dll" if runtime == "dotnet8" and not name.endswith(".dll") else name
        if entry.startswith("-") or not entry.isprintable():
            bot.wrong(f"entrypoints.{kind}", f"{entry[:80]!r} is no path")
        elif entry.startswith("/") or ".." in entry.split("/") or not _is_inside(directory, name):
            bot.wrong(f"entrypoints.{kind}", f"{entry} is outside of the bot's directory")
        elif not _is_file(directory / name):
            bot.wrong(f"entrypoints.{kind}", f"there is no file {name}")
        else:
            files[f"entrypoints.{kind}"] = posixpath.normpath(name)
    return files


def _is_inside(directory: Path, name: str) -> bool:
    return (directory / name).resolve().is_relative_to(directory.resolve())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # Such as a name that is too long for any file.
        return False


def _check_config(config: _Reader, bot_type: str, bot_name: str) -> None:
    """What concerns the platform; the bot's own parameters are the schema's affair."""
    name = config.text("name")
    if name and not BOT_ID.fullmatch(name):
        config.wrong("name", f"{name[:80]!r} is no bot id: letters, digits, - and _, at most 63")
    for field in ("tenant", "host"):
        label = config.text(field)
        if label and not LABEL.fullmatch(label):
            config.wrong(field, f"{label[:80]!r} is no label: letters, digits, ., - and _, at most 63")
    image = config.text("runtime_image")
    if image and not IMAGE.fullmatch(image):
        config.wrong("runtime_image", f"{image[:80]!r} is no name of an image")
    _check_host_labels(config)
    if config.values.get("failover_after") and config.values.get("overlap") == ALLOW_ALL:
        config.wrong("failover_after", f"cannot be with overlap {ALLOW_ALL}: no run would be the only one")
    given = config.text("type")
    if given and bot_type and bot_name and given not in (bot_type, f"{bot_type}/{bot_name}"):
        config.wrong("type", f"is {given[:80]!r}, but this bot is {bot_type}/{bot_name}")
    schedule = config.values.get("schedule")
    if bot_type == SCHEDULED and not isinstance(schedule, str):
        config.wrong("schedule", "is required for a scheduled bot: a cron expression")
    elif bot_type == REALTIME and schedule:
        config.wrong("schedule", "has no meaning for a realtime bot")
    elif isinstance(schedule, str):
        try:
            parse_cron(schedule)
        except InvalidCron as error:
            config.wrong("schedule", str(error))
    zone = config.text("timezone", default="UTC")
    try:
        # What a machine calls its own zone means another one, or none, on the next machine.
        known = zone.partition("/")[0] not in ("localtime", "posix", "posixrules", "right", "Factory")
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = False
    if not known:
        config.wrong("timezone", f"{zone[:80]!r} is no time zone; one is Europe/Berlin")
    if config.text("overlap", default="skip") not in OVERLAPS:
        config.wrong("overlap", f"is not one of {', '.join(OVERLAPS)}")
    if not isinstance(config.values.get("enabled", True), bool):
        config.wrong("enabled", "has to be true or false")
    size = len(json.dumps(config.values, ensure_ascii=True))
    if size > LARGEST_CONFIG_BYTES:
        config.wrong("", f"is {size} bytes as a variable, over the limit of {LARGEST_CONFIG_BYTES}")


def _check_host_labels(config: _Reader) -> None:
    found = config.values.get("host_labels", {})
    if not isinstance(found, dict):
        config.wrong("host_labels", 'has to be an object of texts, such as {"disk": "ssd"}')
        return
    for name, value in found.items():
        if not LABEL.fullmatch(name) or not isinstance(value, str) or not LABEL.fullmatch(value):
            config.wrong(
                f"host_labels.{name[:80]}",
                "name and value have to be labels: letters, digits, ., - and _, at most 63",
            )


def _host_labels(config: _Reader) -> dict[str, str]:
    found = config.values.get("host_labels")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _spec(
    bot: _Reader,
    config: _Reader,
    bot_type: str,
    runtime: str,
    version: str,
) -> BotSpec:
    entries = bot.values.get("entrypoints")
    entries = entries if isinstance(entries, dict) else {}
    return BotSpec(
        bot_id=config.text("name", required=True),
        runtime=runtime,
        entrypoint=str(entries.get("bot") or ""),
        bot_type=bot_type,
        query_entrypoint=str(entries.get("query") or ""),
        version=version,
        description=bot.text("description"),
        config=config.values,
        host=config.text("host"),
        tenant=config.text("tenant", default="default"),
        memory_mb=config.quantity("memory_limit", megabytes, 0),
        cpu=config.quantity("cpu_limit", cpu_cores, 0.0),
        max_state_mb=config.quantity("max_state_mb", megabytes, 8192),
        state_keep_last=config.quantity("state_keep_last", versions, 100),
        state_keep_days=config.quantity("state_keep_days", days, 30),
        stop_grace_s=config.quantity("stop_grace", seconds, 10.0),
        sync_budget_s=config.quantity("sync_budget", seconds, 30.0),
        sync_interval_s=config.quantity("sync_interval", seconds, 60.0),
        timeout_s=config.quantity("timeout", seconds, 0.0),
        max_attempts=config.quantity("max_attempts", attempts, 1),
        schedule=config.text("schedule"),
        timezone=config.text("timezone", default="UTC"),
        overlap=config.text("overlap", default="skip"),
        jitter_s=config.quantity("jitter", seconds, 0.0),
        catchup_window_s=config.quantity("catchup_window", seconds, 3600.0),
        image=config.text("runtime_image"),
        host_labels=_host_labels(config),
        failover_after_s=config.quantity("failover_after", failover_seconds, 0.0),
    )


def _schema(
    bot: _Reader, directory: Path, config_path: Path, config: dict[str, Any]
) -> tuple[Secrets, list[Problem]]:
    """Where the configuration has secrets, and what is wrong with it."""
    found = bot.values.get("schema")
    name = found.get("bot") if isinstance(found, dict) else None
    if name is None:
        if not (directory / SCHEMA_FILE).exists():
            return (), []
        name = SCHEMA_FILE
    if not isinstance(name, str) or not name.isprintable() or not _is_inside(directory, name):
        reason = "is no file of the bot's directory"
        return (), [Problem(file=BOT_FILE, field="schema.bot", reason=reason)]
    schema, problems = _read(read_json, directory / name)
    if problems:
        return (), problems
    described = schema.get("properties")
    described = described if isinstance(described, dict) else {}
    own = {key: value for key, value in config.items() if key not in PLATFORM_KEYS or key in described}
    required = schema.get("required")
    if isinstance(required, list):
        own |= {key: config[key] for key in required if isinstance(key, str) and key in config}
    try:
        return hold_against(schema, directory / name, own, config, config_path)
    except InvalidDefinition as error:
        return (), error.problems
