"""The page in the docs is of this suite."""

from __future__ import annotations

import os
import re

import pytest

from tests.conformance.behaviours.registry import BEHAVIOURS
from tests.conformance.bot_programs import PROGRAMS
from tests.conformance.cells import BY_SUBJECT, TITLES
from tests.conformance.page import PAGE


def test_the_page_names_the_suite_s_behaviours_and_languages() -> None:
    if os.environ.get("DURABOT_RENEW_CONFORMANCE"):
        pytest.skip("the page is being renewed")
    text = PAGE.read_text()
    named = re.findall(r"^\| `([a-z-]+)`: (.*?) \|", text, re.MULTILINE)
    assert dict(named) == TITLES
    assert f"| behaviour | {' | '.join(program.language for program in PROGRAMS.values())} |" in text


def test_no_behaviour_is_left_out_of_the_matrix() -> None:
    assert BY_SUBJECT.keys() == BEHAVIOURS.keys()
    assert len(BY_SUBJECT) >= 25
