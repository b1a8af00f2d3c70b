"""Reaching Temporal: one way to connect, and what must exist before anything starts."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import ControlPlaneUnavailable
from worker.workflow_input import DATA_CONVERTER
from workflows import attributes

log = logging.getLogger(__name__)

CONNECT_S = 5.0
RETRY_S = 0.2
LARGEST_RETRY_S = 5.0
# At RETRY_S: twice what a server by default takes to see what another has written.
SEEN_TRIES = 100
# The server's own default.
ENDED_RUNS_STAY = timedelta(days=3)


async def connect(address: str, namespace: str, codec: PayloadCodec | None = None) -> Client:
    """One try, for commands of a person; the error says where nobody answered."""
    converter = replace(DATA_CONVERTER, payload_codec=codec)
    try:
        return await Client.connect(address, namespace=namespace, data_converter=converter)
    except RuntimeError as error:
        cause = await _refusal(address) or str(error)
        raise ControlPlaneUnavailable(f"no Temporal server answers at {address}: {cause}") from error
    except RPCError as error:
        raise ControlPlaneUnavailable(f"no Temporal server answers at {address}: {error.message}") from error


async def _refusal(address: str) -> str:
    """In the operating system's words where it is a matter of the network; empty where it is not."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, int(port) if port.isdigit() else 0)
    except TimeoutError:
        return f"no connection within {CONNECT_S:g} s"
    except OSError as error:
        return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else str(error)
    writer.close()
    return ""


async def connect_patiently(address: str, namespace: str, codec: PayloadCodec | None = None) -> Client:
    """For daemons: waits for as long as it takes, and says so once."""
    pause, told = RETRY_S, False
    while True:
        try:
            return await connect(address, namespace, codec)
        except ControlPlaneUnavailable as error:
            if not told:
                log.warning("%s; trying again until it does", error)
                told = True
            await asyncio.sleep(pause)
            pause = min(pause * 2, LARGEST_RETRY_S)


async def create_namespace(client: Client) -> None:
    """Idempotent, and returns when the namespace can be used."""
    service = client.workflow_service
    try:
        await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise ControlPlaneUnavailable(f"namespace {client.namespace}: {error}") from error
        request = RegisterNamespaceRequest(namespace=client.namespace)
        request.workflow_execution_retention_period.FromTimedelta(ENDED_RUNS_STAY)
        try:
            await service.register_namespace(request)
        except RPCError as refused:
            if refused.status is not RPCStatusCode.ALREADY_EXISTS:
                raise ControlPlaneUnavailable(f"namespace {client.namespace}: {refused}") from refused
        log.info("made the namespace %s", client.namespace)
    await _until_seen(client, RPCStatusCode.NOT_FOUND)


async def _until_seen(client: Client, unseen: RPCStatusCode, query: str = "") -> None:
    """Until a list no longer fails with this status: servers read namespaces anew every few seconds only."""
    for _ in range(SEEN_TRIES):
        try:
            async for _ in client.list_workflows(query, limit=1):
                pass
            return
        except RPCError as error:
            if error.status is not unseen:
                raise ControlPlaneUnavailable(f"namespace {client.namespace}: {error}") from error
        await asyncio.sleep(RETRY_S)
    raise ControlPlaneUnavailable(f"namespace {client.namespace} is made, but the server does not see it yet")


async def register_search_attributes(client: Client) -> None:
    """Idempotent, and returns when they can be used. On a server where this worker lacks the right, an
    operator has to have done it."""
    missing = {key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in attributes.ALL}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise ControlPlaneUnavailable(f"search attributes cannot be registered: {error}") from error
    every = " OR ".join(f"{key.name} = ''" for key in attributes.ALL)
    await _until_seen(client, RPCStatusCode.INVALID_ARGUMENT, every)
