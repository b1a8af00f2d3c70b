"""Which cells the matrix has, and which of them are tests."""

from __future__ import annotations

from tests.conformance.behaviours import code, ends, inputs, logs, queries, states
from tests.conformance.behaviours.registry import BEHAVIOURS
from tests.conformance.bot_programs import PROGRAMS

# In the order of the matrix; importing them registered their behaviours.
SUBJECTS = (inputs, ends, states, logs, queries, code)
BACKENDS = ("process", "docker")
Key = tuple[str, str, str]
BY_SUBJECT = {
    name: behaviour
    for subject in SUBJECTS
    for name, behaviour in BEHAVIOURS.items()
    if behaviour.check.__module__ == subject.__name__
}


# Deployed and asked through the program itself, with all servers.
WHOLE = "through-durabot"
WHOLE_TITLE = "`durabot` deploys it; it answers over HTTP, running and stopped, and goes on with its state"
TITLES = {name: behaviour.title for name, behaviour in BY_SUBJECT.items()} | {WHOLE: WHOLE_TITLE}


def not_applicable() -> dict[Key, str]:
    """Behaviour, runtime, backend, with the reason."""
    reasons = {key: BEHAVIOURS[key[0]].not_applicable(key[1], key[2]) for key in _all()}
    return {key: reason for key, reason in reasons.items() if reason}


def applicable() -> list[Key]:
    """In an order that asks for what was begun first."""
    left_out = not_applicable()
    return [key for key in _all() if key not in left_out]


def through_durabot() -> list[Key]:
    """The row that is no scenario of a container alone."""
    return [(WHOLE, runtime, backend) for backend in BACKENDS for runtime in PROGRAMS]


def _all() -> list[Key]:
    return [(name, runtime, backend) for backend in BACKENDS for runtime in PROGRAMS for name in BY_SUBJECT]
