"""Ports that are taken: each setting is named once, with all its ports."""

from __future__ import annotations

import socket
from pathlib import Path

from worker.embedded.free_ports import free_stack
from worker.embedded.ports import taken
from worker.settings import Settings


def test_each_setting_is_named_once(tmp_path: Path) -> None:
    names = {name.removeprefix("DURABOT_").lower(): value for name, value in free_stack().items()}
    settings = Settings.model_validate({**names, "data_dir": str(tmp_path)})
    assert taken(settings) == []
    first = settings.s3_internal_port
    with socket.socket() as one, socket.socket() as two, socket.socket() as gateway:
        for server, port in ((one, first), (two, first + 2), (gateway, settings.gateway_port)):
            server.bind(("127.0.0.1", port))
            server.listen()
        assert sorted(taken(settings)) == [
            f"port {settings.gateway_port} for the gateway is in use; DURABOT_GATEWAY_PORT moves it",
            f"ports {first}, {first + 2} for a part of the S3 server are in use; "
            "DURABOT_S3_INTERNAL_PORT moves them",
        ]


def test_a_port_that_cannot_exist_is_told(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": str(tmp_path), "s3_port": "60000"})
    assert any("port 70000" in line and "lower DURABOT_S3_PORT" in line for line in taken(settings))
