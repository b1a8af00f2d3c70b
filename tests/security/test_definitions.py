"""Hostile definition files: each is refused by file and reason, in little memory and time, on one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.definition.load import load
from tests.support.bots import write_bot
from tests.support.bounded import Bounded

MOST_MB = 128
BOT = "name: b\nversion: 1.0.0\ntype: scheduled\nruntime: python3.11\nentrypoints: {bot: main.py}\n"
SOURCE = "def main(bot_id, config):\n    pass\n"
Change = Callable[[Path], object]
Cases = dict[str, tuple[Change, str]]


def yaml_text(text: str | bytes) -> Change:
    data = text.encode() if isinstance(text, str) else text
    return lambda directory: (directory / "bot-config.yaml").write_bytes(data)


def yaml_and(text: str) -> Change:
    """After all that a good file has."""
    return yaml_text(BOT + text)


def json_text(text: str | bytes) -> Change:
    data = text.encode() if isinstance(text, str) else text
    return lambda directory: (directory / "config.json").write_bytes(data)


def config(**values: Any) -> Change:
    def change(directory: Path) -> None:
        path = directory / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def schema(of: dict[str, Any] | str, **values: Any) -> Change:
    """A schema, and a configuration to hold against it."""

    def change(directory: Path) -> None:
        (directory / "bot-schema.json").write_text(of if isinstance(of, str) else json.dumps(of))
        config(**values)(directory)

    return change


def pattern(text: str, value: str) -> Change:
    return schema({"properties": {"a": {"pattern": text}}}, a=value)


def doubled(keyword: str) -> dict[str, Any]:
    """Thirty definitions, each of which asks twice for the next."""
    steps = {f"d{n}": {keyword: [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(30)}
    return {"definitions": {**steps, "d30": {"type": "object"}}, "$ref": "#/definitions/d0"}


YAML: Cases = {
    "a bomb of aliases": (
        yaml_text("a: &a [x, x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdefgh")), "aliases"
    ),
    "an alias of itself": (yaml_text("a: &a [*a]\n"), "aliases"),
    "a merge of an alias": (yaml_text("a: &a {x: 1}\nb: {<<: *a}\n"), "aliases"),
    "code that is called": (yaml_text("name: !!python/object/apply:os.system ['true']\n"), "python/object"),
    "code that is named": (yaml_text("name: !!python/name:os.system\n"), "python/name"),
    "a module that is loaded": (yaml_text("name: !!python/module:this\n"), "python/module"),
    "an object that is made": (yaml_text("name: !!python/object/new:type [x, [], {}]\n"), "python/object"),
    "a tag of its own": (yaml_text("name: !x y\n"), "!x"),
    "a key twice": (yaml_and("version: 2.0.0\n"), "'version' is there twice"),
    "a key twice, deep inside": (yaml_and("metadata: {a: [{b: 1, b: 2}]}\n"), "'b' is there twice"),
    "5,000 lists in each other": (yaml_text("a: " + "[" * 5000), "nested more than 50"),
    "60 mappings in each other": (
        yaml_text("".join(" " * n + "a:\n" for n in range(60))), "nested more than 50"
    ),
    "60 lists in a line": (yaml_text("a:\n " + "- " * 60 + "x\n"), "nested more than 50"),
    "a megabyte": (yaml_text(BOT + "readme: " + "x" * 10**6), "is larger than"),
    "a megabyte of spaces": (yaml_text(" " * 10**6), "is larger than"),
    "30,000 opened": (yaml_text("{a: " * 7000), "nested more than 50"),
    "30,000 questions": (yaml_text("? " * 15_000), "nested more than 50"),
    "30,000 quotes": (yaml_text("'" * 30_001), "is not YAML"),
    "Latin-1": (yaml_text("name: Z\xfcrich\n".encode("latin-1")), "is not UTF-8"),
    "UTF-16": (yaml_text("name: x\n".encode("utf-16")), "is not UTF-8"),
    "a zero byte": (yaml_text(b"name: a\0b\n"), "is not YAML"),
    "a terminal's command": (yaml_text(b"name: \x1b[2J\n"), "is not YAML"),
    "half a character": (yaml_and('author: "\\ud800"\n'), "half of a character"),
    "two documents": (yaml_text("a: 1\n---\nb: 2\n"), "is not YAML"),
    "nothing": (yaml_text(""), "is not a mapping"),
    "a number": (yaml_text("5"), "is not a mapping"),
    "a key that is a list": (yaml_text("? [a, b]\n: c\n"), "is not YAML"),
    "a key that is a mapping": (yaml_text("{a: b}: c\n"), "is not YAML"),
    "a number of 20,000 digits": (yaml_and("metadata: " + "9" * 20_000 + "\n"), "is not YAML"),
    "a number in base 60": (yaml_and("metadata: 1" + ":59" * 10_000 + "\n"), "is not YAML"),
    "a number of 20,000 hexadecimal digits": (yaml_and("metadata: 0x" + "f" * 20_000 + "\n"), "is not YAML"),
    "a day that is none": (yaml_and("metadata: 2026-13-45\n"), "is not YAML"),
    "text that is no base 64": (yaml_and("metadata: !!binary 'a'\n"), "is not YAML"),
    "a version that is no number": (yaml_text(BOT.replace("1.0.0", ".nan")), "version: is 'nan'"),
    "a version that is a list": (yaml_text(BOT.replace("1.0.0", "[1, 0, 0]")), "version: has to be a text"),
    "a version that is a day": (yaml_text(BOT.replace("1.0.0", "2026-01-01")), "version: has to be a text"),
    "a runtime of 20,000 letters": (yaml_text(BOT.replace("python3.11", "p" * 20_000)), "runtime: is 'ppp"),
    "a type that rings": (yaml_text(BOT.replace("scheduled", '"\\a\\e[2J"')), r"type: is '\x07\x1b[2J'"),
    "entrypoints in a list": (yaml_text(BOT.replace("{bot: main.py}", "[main.py]")), "entrypoints.bot: is"),
    "an entrypoint with a line end": (
        yaml_text(BOT.replace("main.py", '"main.py\\n"')), r"entrypoints.bot: 'main.py\n' is no path"
    ),
    "a schema that is a device": (yaml_and("schema: {bot: /dev/zero}\n"), "schema.bot: is no file"),
}  # fmt: skip

JSON: Cases = {
    "a name twice": (json_text('{"name": "a", "name": "b"}'), "'name' is there twice"),
    "a name twice, deep inside": (json_text('{"name": "a", "x": [{"y": 1, "y": 1}]}'), "'y' is there twice"),
    "NaN": (config(limit=float("nan")), "NaN is not JSON"),
    "Infinity": (config(limit=float("-inf")), "-Infinity is not JSON"),
    "a number too large": (json_text('{"a": 1e999}'), "1e999"),
    "a number of 5,000 digits": (json_text('{"a": ' + "9" * 5000 + "}"), "is not JSON"),
    "60 lists in each other": (json_text('{"a": ' + "[" * 60 + "]" * 60 + "}"), "nested more than 50"),
    "100,000 lists in each other": (json_text('{"a": ' + "[" * 100_000), "is not JSON"),
    "two megabytes": (json_text('{"a": "' + "x" * 2_000_000 + '"}'), "is larger than"),
    "half a character": (json_text('{"a": "\\udfff"}'), "half of a character"),
    "a name of half a character": (json_text('{"\\udfff": 1}'), "half of a character"),
    "UTF-16": (json_text('{"name": "a"}'.encode("utf-16")), "is not UTF-8"),
    "cut": (json_text('{"name": "a'), "is not JSON"),
    "a zero byte": (json_text(b'{"name": "a\0"}'), "is not JSON"),
    "an id with a zero byte": (config(name="a\0b"), "is no bot id"),
    "an id with a line end": (config(name="a\n"), "is no bot id"),
    "an id that rings": (config(name="\x07\x1b]0;x"), "is no bot id"),
    "an id written backwards": (config(name="a\u202eb"), "is no bot id"),
    "an id in other digits": (config(name="\u0661"), "is no bot id"),
    "an id like a path": (config(name="../x"), "is no bot id"),
    "an id that is encoded": (config(name="a%2f.."), "is no bot id"),
    "an id of 64 letters": (config(name="x" * 64), "is no bot id"),
    "an id of a megabyte": (config(name="x" * 10**6), "is no bot id"),
    "an id that is a list": (config(name=["x"]), "name: has to be a text"),
    "a cron expression of a megabyte": (config(schedule="*," * 500_000), "longer than 1000"),
    "a cron expression of many names": (config(schedule="0 0 * * " + "mon," * 200 + "x"), "day of week"),
    "a cron expression of seven": (config(schedule="* * * * * * *"), "7 fields"),
    "a cron step of nothing": (config(schedule="*/0 * * * *"), "is no step"),
    "a cron range without an end": (config(schedule="1-99999999999999999999 * * * *"), "is not within"),
    "a negative cron value": (config(schedule="-1 * * * *"), "is not within"),
    "cron in other digits": (config(schedule="\u0661 * * * *"), "is not within"),
    "cron with a zero byte": (config(schedule="0\0 * * * *"), "is not within"),
    "cron at a start": (config(schedule="@reboot"), "there is no form"),
    "cron that never comes": (config(schedule="0 0 31 2,4,6 *"), "never comes"),
    "cron every minus five": (config(schedule="@every -5s"), "an interval"),
    "cron every 10^9 days": (config(schedule="@every 999999999d"), "an interval"),
    "a zone that is a path": (config(timezone="../../etc/passwd"), "is no time zone"),
    "a zone with a zero byte": (config(timezone="UTC\0"), "is no time zone"),
    "a zone of a megabyte": (config(timezone="x/" * 50_000), "is no time zone"),
    "a zone that is a directory": (config(timezone="Europe"), "is no time zone"),
    "negative memory": (config(memory_limit="-1Gi"), "memory_limit: '-1Gi'"),
    "memory of 10^30": (config(memory_limit="1" + "0" * 30 + "Gi"), "memory_limit:"),
    "negative CPUs": (config(cpu_limit=-0.5), "cpu_limit: -0.5"),
    "CPUs that are no number": (config(cpu_limit="nan"), "cpu_limit: 'nan'"),
    "a negative time": (config(timeout="-5m"), "timeout: '-5m'"),
    "a time of 10^300": (config(stop_grace=1e300), "stop_grace:"),
    "negative attempts": (config(max_attempts=-3), "max_attempts: -3"),
    "half an attempt": (config(max_attempts=1.5), "max_attempts: 1.5"),
    "a negative size of state": (config(max_state_mb=-1), "max_state_mb: -1"),
    "a negative jitter": (config(jitter="-2s"), "jitter: '-2s'"),
    "a number of 10^400": (json_text('{"name": "b", "timeout": 1' + "0" * 400 + "}"), "64 bits"),
    "true as a number": (config(timeout=True), "timeout: True"),
    "an image with an option": (config(runtime_image="--privileged"), "is no name of an image"),
    "a host that is a query": (config(host="x' OR '1'='1"), "host:"),
    "too much for a variable": (config(text="\u00e4" * 100_000), "as a variable"),
}  # fmt: skip

SCHEMAS: Cases = {
    "a pattern that takes for ever": (pattern("^(a+)+$", "a" * 40 + "!"), "'^(a+)+$' takes more than"),
    "one with alternatives": (pattern("^(a|a)*$", "a" * 60 + "!"), "takes more than"),
    "one with nested repeats": (pattern("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60), "takes more than"),
    "one that looks ahead": (pattern("^(?=(a+)+$)", "a" * 40 + "!"), "takes more than"),
    "one of ten stars": (pattern("^" + ".*" * 12 + "!$", "a" * 500), "takes more than"),
    "one for names": (
        schema({"patternProperties": {"^(a+)+$": {}}}, **{"a" * 40 + "!": 1}), "'^(a+)+$' takes more than"
    ),
    "one for names of secrets": (
        schema({"patternProperties": {"^(a|a)*$": {"writeOnly": True}}}, **{"a" * 60 + "!": "x"}),
        "'^(a|a)*$' takes more than",
    ),
    "one that is not closed": (pattern("(", "x"), "bot-schema.json"),
    "one that is repeated too often": (pattern("a{99999999999}", "x"), "bot-schema.json"),
    "one of 20,000 brackets": (pattern("(" * 20_000 + ")" * 20_000, "x"), "bot-schema.json"),
    "one of a megabyte": (schema({"pattern": "a" * 1_100_000}), "is larger than"),
    "references that double": (schema(doubled("allOf")), "takes more than"),
    "references that double, in another way": (schema(doubled("anyOf")), ""),
    "references that double, in a third way": (schema(doubled("oneOf")), "bot-schema.json"),
    "a reference to itself": (schema({"$ref": "#"}), "refers to itself"),
    "two references to each other": (
        schema({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
                "$ref": "#/definitions/a"}), "refers to itself"
    ),
    "a reference to another server": (schema({"$ref": "http://127.0.0.1:1/x.json"}), "not in this file"),
    "a reference to a file": (schema({"$ref": "file:///etc/passwd"}), "not in this file"),
    "a reference to nothing": (schema({"$ref": "#/definitions/gone"}), "not in this file"),
    "a reference that is no address": (schema({"$id": "http://[", "$ref": "x"}), "bot-schema.json"),
    "a reference that is a list": (schema({"$ref": ["#"]}), "bot-schema.json"),
    "a type that is none": (schema({"type": "thing"}), "is no draft-07 schema"),
    "a type that is a number": (schema({"type": 5}), "is no draft-07 schema"),
    "properties in a list": (schema({"properties": []}), "is no draft-07 schema"),
    "a required text": (schema({"required": "name"}), "is no draft-07 schema"),
    "a text of a megabyte in a wrong place": (schema({"type": "x" * 900_000}), "is no draft-07 schema"),
    "no object": (schema("true"), "is not a JSON object"),
    "nested too deeply": (schema('{"not": ' * 60 + "{}" + "}" * 60), "nested more than 50"),
    "a name twice": (schema('{"type": "object", "type": "array"}'), "is there twice"),
    "ten thousand problems": (
        schema({"properties": {"a": {"items": {"type": "string"}}}}, a=[1] * 10_000), "more than 50 problems"
    ),
    "problems of problems": (
        schema({"properties": {"a": {"items": {"anyOf": [{"const": n} for n in range(20)]}}}},
               a=["x"] * 10_000), "more than 50 problems"
    ),
    "problems of problems without an end": (
        schema({"properties": {"a": {"items": {"anyOf": [{"const": n} for n in range(20_000)]}}}},
               a=["x"] * 10_000), "takes"
    ),
    "twins to look for": (
        schema({"properties": {"a": {"uniqueItems": True}}}, a=[{"x": n} for n in range(9000)]),
        "",
    ),
    "a name's pattern that is none": (schema({"patternProperties": {"(": {}}}, a=1), "bot-schema.json"),
    "references without an end to secrets": (
        schema({"definitions": {f"d{n}": {"$ref": f"#/definitions/d{n + 1}"} for n in range(9000)},
                "$ref": "#/definitions/d0"}), "bot-schema.json"
    ),
    "a field that rings": (
        schema({"additionalProperties": {"const": 1}}, **{"\x07\x1b[2J": 5}), r"\x07\x1b[2J: 1 was expected"
    ),
    "a field of 99,000 letters": (
        schema({"additionalProperties": {"const": 1}}, **{"x" * 99_000: 5}), "xxx: 1 was"
    ),
}  # fmt: skip

CASES = [
    *((f"bot-config.yaml: {name}", *case) for name, case in YAML.items()),
    *((f"config.json: {name}", *case) for name, case in JSON.items()),
    *((f"bot-schema.json: {name}", *case) for name, case in SCHEMAS.items()),
]


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_hostile_definition_is_refused(
    bounded: Bounded, tmp_path: Path, change: Change, words: str
) -> None:
    directory = write_bot(tmp_path / "bot", "b", SOURCE, kind="scheduled", schedule="@hourly")
    change(directory)
    ended = bounded.call("load_definition", str(directory))
    assert ended.fault == ""
    assert ended.grown_mb < MOST_MB
    if words:
        assert ended.code == "invalid_definition"
    assert words in ended.message
    # What one file has, another one of the same bot may have, too.
    assert len(ended.message) < 60 * 600
    assert ended.message.isprintable()


def test_programs_too_large_to_be_looked_at_are_left_to_their_interpreter(
    bounded: Bounded, tmp_path: Path
) -> None:
    large = {
        "statements": SOURCE + "a = 1\n" * 1_000_000,
        "brackets": "(" * 100_000,
        "signs": "x = " + "-" * 400_000 + "1\n",
        "a number": "x = " + "9" * 400_000 + "\n",
        "a power": "x = 9 ** 9 ** 9 ** 9\n" + SOURCE,
    }
    for name, source in large.items():
        directory = write_bot(tmp_path / name, "b", source, kind="scheduled", schedule="@hourly")
        ended = bounded.call("load_definition", str(directory))
        assert (name, ended.fault) == (name, "")
        assert ended.grown_mb < 2 * MOST_MB


def test_unknown_fields_are_warned_of_without_harm(tmp_path: Path) -> None:
    directory = write_bot(tmp_path / "bot", "b", SOURCE, kind="scheduled", schedule="@hourly")
    yaml_and('"\\e[2J": 1\n' + "".join(f"field{n}: 1\n" for n in range(1000)))(directory)
    warnings = load(directory).warnings
    assert len(warnings) <= 21
    assert all(warning.isprintable() for warning in warnings)
    assert "\\x1b[2J is not known" in warnings[0]
