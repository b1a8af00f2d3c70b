"""Reaching Temporal: one way to connect, and the search attributes that must exist before anything starts."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
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


async def register_search_attributes(client: Client) -> None:
    """Idempotent; on a server where this worker lacks the right, an operator has to have done it."""
    missing = {key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in attributes.ALL}
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise ControlPlaneUnavailable(f"search attributes cannot be registered: {error}") from error
