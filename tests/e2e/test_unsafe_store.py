"""An S3 server that lets every writer win is refused, unless the operator takes the risk by its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.careless_s3 import CarelessS3
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY
from tests.support.stack import Stack
from tests.support.temporal_server import TemporalServer


@pytest.fixture
def careless(tmp_path: Path) -> Iterator[CarelessS3]:
    server = CarelessS3(tmp_path / "s3")
    server.start()
    yield server
    server.kill()


def test_a_store_that_ignores_conditions_is_refused(
    careless: CarelessS3, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    name = uuid4().hex[:8]
    stack = Stack(
        tmp_path / "stack",
        {
            "DURABOT_TEMPORAL_ADDRESS": temporal_server.address,
            "DURABOT_TASK_QUEUE": f"unsafe-{name}",
            "DURABOT_HOST_NAME": f"unsafe-{name}",
            "DURABOT_S3_ENDPOINT": careless.endpoint,
            "DURABOT_S3_ACCESS_KEY": ACCESS_KEY,
            "DURABOT_S3_SECRET_KEY": SECRET_KEY,
        },
    )
    refused = stack.run("up", "--detach", check=False)
    assert refused.returncode == 1
    assert f"{careless.endpoint} ignores If-None-Match" in refused.stderr
    assert "DURABOT_S3_ALLOW_UNCONDITIONAL" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [stack.process(service) for service in ("up", "worker", "gateway")] == [None] * 3
    checked = stack.run("doctor", check=False)
    assert checked.returncode == 1
    assert "ignores If-None-Match" in checked.stdout

    risky = replace(stack, settings={**stack.settings, "DURABOT_S3_ALLOW_UNCONDITIONAL": "true"})
    try:
        risky.up()
        [store] = [check for check in risky.json("doctor") if check["name"] == "object store"]
        assert store["result"] == "warn"
        assert "ignores If-None-Match" in store["found"]
    finally:
        risky.destroy()
