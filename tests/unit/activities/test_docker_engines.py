"""Engines on which bots could not write to the directories that their host gives them are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("docker", reason="the docker package is missing: pip install 'durabot[docker]'")

from activities.backends.docker.engine import Engine
from activities.backends.docker.firewall import Firewall
from activities.backends.docker.network import Networks
from activities.backends.docker.starter import Starter
from activities.errors import BackendRefused, BackendUnavailable
from activities.ports import ContainerSpec

SPEC = ContainerSpec(name="bot-a.r1", bot_id="bot-a", run_id="1")
PLAIN = ["name=apparmor", "name=seccomp,profile=default", "name=cgroupns"]


class EngineThatTells(Engine):
    """Of its options, and has no image."""

    def __init__(self, options: list[str] | None) -> None:
        super().__init__("unix:///nowhere.sock")
        self.options = options
        self.created: list[str] = []

    def info(self) -> dict[str, Any]:
        return {"SecurityOptions": self.options}

    def inspect(self, name: str) -> None:
        return None

    def list(self, **_: object) -> list[dict[str, Any]]:
        return []

    def network(self, name: str) -> dict[str, Any]:
        raise BackendUnavailable("it came that far")


def start(tmp_path: Path, options: list[str] | None) -> None:
    engine = EngineThatTells(options)
    networks = Networks(engine, "0123abcd", tmp_path, Firewall("0123abcd", ()))
    Starter(engine, tmp_path, "image", "0123abcd", networks).start(SPEC)


@pytest.mark.parametrize(
    ("option", "told"),
    [("name=rootless", "maps users (name=rootless)"), ("name=userns", "maps users (name=userns)")],
)
def test_an_engine_that_maps_users_is_refused_for_good(tmp_path: Path, option: str, told: str) -> None:
    with pytest.raises(BackendRefused) as refused:
        start(tmp_path, [*PLAIN, option])
    assert told in str(refused.value)
    assert not (tmp_path / "containers").exists()


@pytest.mark.parametrize("options", [PLAIN, [], None])
def test_any_other_engine_is_used(tmp_path: Path, options: list[str] | None) -> None:
    with pytest.raises(BackendUnavailable, match="it came that far"):
        start(tmp_path, options)
