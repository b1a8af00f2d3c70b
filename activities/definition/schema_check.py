"""The process behind ``activities/definition/schema.py``: JSON in, JSON out, and never much of anything."""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from activities.definition.secret_fields import secret_paths

Found = tuple[str, str]


class TooLong(BaseException):
    """The time is over. Raised wherever the process is just then, so nobody there may take it for his."""


class _Patterns:
    """The keywords that match patterns, which tell what took the time when it is over."""

    def __init__(self) -> None:
        self.under_way = ""

    def pattern(self, validator: Any, wanted: str, value: Any, schema: Any) -> Iterator[ValidationError]:
        self.under_way = wanted
        yield from Draft7Validator.VALIDATORS["pattern"](validator, wanted, value, schema) or ()
        self.under_way = ""

    def search(self, wanted: str, name: str) -> bool:
        self.under_way = wanted
        found = re.search(wanted, name)
        self.under_way = ""
        return found is not None

    def names(self, validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        for pattern in wanted:
            self.under_way = pattern
            one = {pattern: wanted[pattern]}
            yield from Draft7Validator.VALIDATORS["patternProperties"](validator, one, value, schema) or ()
        self.under_way = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """``fault`` is of the schema itself, ``problems`` are of the configuration: fields and reasons."""

    fault: Found | None = None
    problems: list[Found] = field(default_factory=list)
    secrets: list[tuple[str | int, ...]] = field(default_factory=list)


def check(schema: dict[str, Any], config: dict[str, Any], whole: dict[str, Any], most: int) -> Checked:
    """Secrets are looked for in the ``whole`` configuration, and of their values no problem tells more than
    which rule they break."""
    patterns = _Patterns()
    keywords = {"pattern": patterns.pattern, "patternProperties": patterns.names}
    # The library has no types for it.
    checked = extend(Draft7Validator, keywords)  # type: ignore[no-untyped-call]
    validator = checked(schema, registry=Registry())
    try:
        Draft7Validator.check_schema(schema)
        secrets = secret_paths(schema, whole, patterns.search)
        found = list(islice(validator.iter_errors(config), most + 1))
        causes = [best_match([each]) or each for each in found]
    except SchemaError as error:
        return Checked(fault=(_path(error), f"is no draft-07 schema: {error.message}"))
    except Unresolvable as error:
        return Checked(fault=("", f"refers to what is not in this file: {error}"))
    except RecursionError:
        return Checked(fault=("", "refers to itself without an end"))
    except (re.error, OverflowError) as error:
        return Checked(fault=("", f"has a pattern that is none: {error}"))
    except MemoryError:
        return Checked(fault=("", "takes too much memory to check"))
    except TooLong as error:
        which = f"its pattern {patterns.under_way[:120]!r} " if patterns.under_way else ""
        return Checked(fault=("", f"{which}{error}"))
    told = [(_path(cause), _reason(cause, secrets)) for cause in causes[:most]]
    more = [("", f"has more than {most} problems")] if len(causes) > most else []
    problems = sorted(told, key=lambda problem: problem[0]) + more
    return Checked(problems=problems, secrets=secrets)


def _reason(cause: ValidationError, secrets: list[tuple[str | int, ...]]) -> str:
    """A message shows the value that it is about, and so does one about whatever the value is in."""
    place = tuple(cause.absolute_path)
    if any(path[: len(place)] == place[: len(path)] for path in secrets):
        return f"breaks the schema's rule {cause.validator!r}; the value is secret"
    return cause.message


def _path(error: ValidationError | SchemaError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _limit(cpu_s: float, memory_bytes: int) -> None:
    """Beyond what the imports took. The signal can be told of; the kernel ends what it cannot stop."""

    def over(*_: object) -> None:
        raise TooLong(f"takes more than {cpu_s:g} s of CPU to check")

    signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _at_most(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + cpu_s) + 2)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _at_most(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)


def _at_most(limit: int, value: int) -> None:
    """Who started this may have set a lower one."""
    hard = resource.getrlimit(limit)[1]
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (bound, bound))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    _limit(asked["cpu_s"], asked["memory_bytes"])
    done = check(asked["schema"], asked["config"], asked["whole"], asked["most"])
    json.dump(asdict(done), sys.stdout)
