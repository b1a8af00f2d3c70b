"""A worker makes its namespace and the search attributes on a server that has neither."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from tests.support.conditions import until
from tests.support.temporal_server import TemporalServer
from worker.temporal import connect, create_namespace, register_search_attributes
from workflows import attributes

FOUND = " AND ".join(f"{key.name} = 'here'" for key in attributes.ALL)


def test_both_can_be_used_at_once_and_are_made_once(temporal_server: TemporalServer) -> None:
    namespace = f"new-{uuid4().hex}"

    async def make() -> None:
        client = await connect(temporal_server.address, namespace)
        for _ in range(2):
            await create_namespace(client)
            await register_search_attributes(client)
        given = TypedSearchAttributes([SearchAttributePair(key, "here") for key in attributes.ALL])
        await client.start_workflow("anything", id="bot", task_queue="nobody", search_attributes=given)

    async def count() -> int:
        client = await connect(temporal_server.address, namespace)
        return (await client.count_workflows(FOUND)).count

    asyncio.run(make())
    until(lambda: asyncio.run(count()) == 1, what="that it is found by all attributes")
