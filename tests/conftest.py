"""Fixtures that more than one kind of test needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3_server import S3Server, free_ports


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One real S3 server for all tests; each test uses its own bot id."""
    server = S3Server(tmp_path_factory.mktemp("s3") / "data", free_ports(6))
    server.start()
    yield server
    server.kill()
