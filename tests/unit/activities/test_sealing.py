"""Secret values: sealed for one bot and one place, by keys that can be changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.errors import InvalidInput
from activities.sealing.key_ring import KeyRing, KeyUnknown, SealBroken, key_ring, new_key
from activities.sealing.sealed_config import MARK, opened, refuse_without_keys, sealed, sealed_paths

CONFIG = {"pair": "BTC/EUR", "key": "hünter2", "venues": [{"name": "a", "pin": 4711}], "login": {"user": "u"}}
PATHS: list[tuple[str | int, ...]] = [("key",), ("venues", 0, "pin"), ("login",)]

SAME = "k1:" + "A" * 43 + "="


def ring(*names: str) -> KeyRing:
    return key_ring(",".join(new_key(name) for name in names))


def test_only_marked_values_are_sealed_and_all_come_back() -> None:
    keys = ring("k1")
    kept = sealed(CONFIG, PATHS, keys, "bot-a")
    assert kept["pair"] == "BTC/EUR"
    assert kept["venues"][0]["name"] == "a"
    assert sealed_paths(kept) == PATHS
    text = json.dumps(kept, ensure_ascii=False)
    assert all(secret not in text for secret in ("hünter2", "4711", '"u"'))
    assert opened(kept, keys, "bot-a") == CONFIG


def test_what_has_not_changed_is_sealed_to_the_same_bytes() -> None:
    keys = ring("k1")
    once = sealed(CONFIG, PATHS, keys, "bot-a")
    assert sealed(CONFIG, PATHS, keys, "bot-a") == once
    assert sealed(once, PATHS, keys, "bot-a") == once
    assert sealed({**CONFIG, "key": "other"}, PATHS, keys, "bot-a")["key"] != once["key"]
    assert sealed(CONFIG, PATHS, keys, "bot-b")["key"] != once["key"]


def test_a_sealed_value_is_of_no_use_elsewhere() -> None:
    keys = ring("k1")
    kept = sealed(CONFIG, PATHS, keys, "bot-a")
    with pytest.raises(SealBroken, match=r"config value key of bot-b cannot be opened"):
        opened(kept, keys, "bot-b")
    with pytest.raises(SealBroken, match="config value copy"):
        opened({"copy": kept["key"]}, keys, "bot-a")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("k1:", SealBroken),
        ("k1:AAAA", SealBroken),
        ("k1:?", SealBroken),
        ("k9:AAAA", KeyUnknown),
        ("", KeyUnknown),
    ],
)
def test_garbage_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="config value key of bot-a"):
        opened({"key": {MARK: text}}, ring("k1"), "bot-a")


def test_each_changed_byte_is_seen() -> None:
    keys = ring("k1")
    key_id, data = keys.seal(b"value", b"place")
    for index in range(len(data)):
        changed = bytes(byte ^ (1 if at == index else 0) for at, byte in enumerate(data))
        with pytest.raises(SealBroken):
            keys.open(key_id, changed, b"place")


def test_keys_are_changed_without_a_gap() -> None:
    """First the new key is added at the end, then it seals, then the old one goes."""
    old, new = new_key("old"), new_key("new")
    before = sealed(CONFIG, PATHS, key_ring(old), "bot-a")
    both = key_ring(f"{new},{old}")
    assert opened(before, both, "bot-a") == CONFIG
    after = sealed(CONFIG, PATHS, both, "bot-a")
    assert opened(after, key_ring(new), "bot-a") == CONFIG
    with pytest.raises(KeyUnknown, match=r"key 'old', and the keys here are: new"):
        opened(before, key_ring(new), "bot-a")


@pytest.mark.parametrize(
    "text",
    ["k1", "k1:AAAA", "k 1:" + "A" * 44, "k1:!", ":" + "A" * 43 + "=", f"{SAME},{SAME}"],
)
def test_keys_that_are_none_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        key_ring(text)
    assert "AAAA" not in str(refused.value)


def test_without_keys_nothing_secret_is_deployed() -> None:
    refuse_without_keys(KeyRing({}), [])
    refuse_without_keys(ring("k1"), PATHS)
    with pytest.raises(InvalidInput, match=r"key, venues.0.pin, login shall be secret"):
        refuse_without_keys(KeyRing({}), PATHS)


def test_a_ring_shows_no_key() -> None:
    keys: Any = ring("k1")
    assert "k1:" not in repr(keys)
    assert "object" in repr(keys)
