"""The gateway's health as its clients see it."""

from __future__ import annotations

import pytest

from tests.support.gateway import (
    Gateway,
    Reply,
    one,
    run,
)


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_health_takes_get_and_head_only(method: str) -> None:
    reply = one(b"", method=method, path="/health")
    assert reply.status == 405
    assert set(reply.headers["allow"].split(",")) == {"GET", "HEAD"}


def test_head_of_health_has_no_body() -> None:
    async def work(served: Gateway) -> tuple[Reply, Reply]:
        async with served.peer() as peer:
            first = await peer.ask(b"", method="HEAD", path="/health")
            # A body after it would be taken for the head of the second answer.
            return first, await peer.ask(b"", method="GET", path="/health")

    first, second = run(work)
    assert (first.status, second.status) == (200, 200)
    assert second.json["data"] == {"gateway": True, "temporal": True, "host": "test"}


def test_health_tells_of_temporal_and_is_200_all_the_same() -> None:
    """Bots on the gateway's own host are still asked, and nothing is won by restarting the gateway."""

    async def work(served: Gateway) -> Reply:
        served.queries.healthy = False
        return await served.ask(b"", method="GET", path="/health")

    reply = run(work)
    assert (reply.status, reply.json["data"]["temporal"]) == (200, False)
