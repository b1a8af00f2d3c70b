"""Secret values of a bot's configuration: sealed wherever it is kept or shown, open in the bot alone."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

from activities.errors import InvalidInput
from activities.sealing.key_ring import KeyRing, KeyUnknown, SealBroken

Path = tuple[str | int, ...]
# An object with this one key stands for the value: {"durabot:sealed": "<key id>:<base64>"}.
MARK = "durabot:sealed"


def sealed(config: dict[str, Any], paths: Iterable[Path], ring: KeyRing, bot_id: str) -> dict[str, Any]:
    """A copy in which the values at ``paths`` are sealed, for this bot and that place. What is sealed already
    stays as it is."""
    copy: dict[str, Any] = json.loads(json.dumps(config))
    for path in paths:
        parent: Any = copy
        for step in path[:-1]:
            parent = parent[step]
        value = parent[path[-1]]
        if is_sealed(value):
            continue
        key_id, data = ring.seal(json.dumps(value).encode(), _place(bot_id, path))
        parent[path[-1]] = {MARK: f"{key_id}:{base64.b64encode(data).decode()}"}
    return copy


def opened(config: dict[str, Any], ring: KeyRing, bot_id: str) -> dict[str, Any]:
    """A copy with all values open. Errors name the value's place and nothing of the value."""
    found: dict[str, Any] = _opened(config, ring, bot_id, ())
    return found


def is_sealed(value: Any) -> bool:
    """By its form alone."""
    return isinstance(value, dict) and value.keys() == {MARK} and isinstance(value[MARK], str)


def sealed_paths(value: Any, path: Path = ()) -> list[Path]:
    """Where sealed values are."""
    if is_sealed(value):
        return [path]
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in sealed_paths(each, (*path, name))]
    if isinstance(value, list):
        return [found for index, each in enumerate(value) for found in sealed_paths(each, (*path, index))]
    return []


def _opened(value: Any, ring: KeyRing, bot_id: str, path: Path) -> Any:
    if is_sealed(value):
        key_id, _, encoded = value[MARK].partition(":")
        try:
            data = base64.b64decode(encoded, validate=True)
            return json.loads(ring.open(key_id, data, _place(bot_id, path)))
        except KeyUnknown as error:
            raise KeyUnknown(f"config value {shown(path)} of {bot_id} cannot be opened: {error}") from error
        except (binascii.Error, SealBroken) as error:
            raise SealBroken(f"config value {shown(path)} of {bot_id} cannot be opened: {error}") from error
    if isinstance(value, dict):
        return {name: _opened(each, ring, bot_id, (*path, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [_opened(each, ring, bot_id, (*path, index)) for index, each in enumerate(value)]
    return value


def _place(bot_id: str, path: Path) -> bytes:
    """Whoever may start workflows must not have another bot open this one's secret."""
    return json.dumps([bot_id, *path]).encode()


def shown(path: Path) -> str:
    """For people, as a definition's problems name fields."""
    return ".".join(map(str, path))


def refuse_without_keys(ring: KeyRing, paths: Iterable[Path]) -> None:
    """``InvalidInput`` that says what to do."""
    found = [shown(path) for path in paths]
    if found and not ring:
        raise InvalidInput(
            f"{', '.join(found)} shall be secret, and there is no key to seal that with: set "
            "DURABOT_SECRET_KEYS here and at the workers, as `durabot secret new-key` prints it"
        )
