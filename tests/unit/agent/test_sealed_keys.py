"""Keys of a run in a file that its bot can replace: only what the worker sealed for this run counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.sealed_keys import NAME, keys_of, opened, run_key, seal

KEY = run_key("the store's secret", "b.r1")
KEYS = ("access", "secret" * 20, "token/+=" * 300)
FIRST = {"MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "s", "MINIO_SESSION_TOKEN": "t"}
RUN = {**FIRST, "DURABOT_RUN_KEY": KEY}


def test_what_was_sealed_is_opened_and_shows_nothing() -> None:
    sealed = seal(KEY, KEYS)
    assert opened(KEY, sealed) == KEYS
    assert b"secret" not in sealed
    assert b"token" not in sealed
    assert seal(KEY, KEYS) != sealed


def test_every_byte_counts() -> None:
    sealed = seal(KEY, ("a", "b", "c"))
    for at in range(len(sealed)):
        assert opened(KEY, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) is None
        assert opened(KEY, sealed[:at]) is None


@pytest.mark.parametrize("other", [run_key("the store's secret", "b.r2"), run_key("another", "b.r1")])
def test_another_runs_key_opens_nothing(other: str) -> None:
    assert opened(other, seal(KEY, KEYS)) is None


def test_the_file_wins_over_what_the_run_began_with(tmp_path: Path) -> None:
    assert keys_of(RUN, str(tmp_path)) == ("a", "s", "t")
    (tmp_path / NAME).write_bytes(seal(KEY, KEYS))
    assert keys_of(RUN, str(tmp_path)) == KEYS
    # Keys that all share are never replaced.
    assert keys_of(FIRST, str(tmp_path)) == ("a", "s", "t")


def test_what_a_bot_puts_there_changes_nothing(tmp_path: Path) -> None:
    place = tmp_path / NAME
    for wrong in (b"", b"x", b"x" * 100_000, seal("00" * 32, KEYS)):
        place.write_bytes(wrong)
        assert keys_of(RUN, str(tmp_path)) == ("a", "s", "t")
    place.unlink()
    (tmp_path / "elsewhere").write_bytes(seal(KEY, KEYS))
    place.symlink_to("elsewhere")
    assert keys_of(RUN, str(tmp_path)) == ("a", "s", "t")
    place.unlink()
    os.mkfifo(place)
    assert keys_of(RUN, str(tmp_path)) == ("a", "s", "t")
    place.unlink()
    place.mkdir()
    assert keys_of(RUN, str(tmp_path)) == ("a", "s", "t")
