"""Free loopback ports, for stacks beside others: of tests, benchmarks and the demo."""

from __future__ import annotations

import os
import socket

from worker.embedded.s3_server import INTERNAL_PORTS

# Below the kernel's own range, whose ports other programs get at any moment; each process begins elsewhere.
FIRST, COUNT = 12000, 10000
# Parts of the S3 server also take the port this far above.
GRPC_OFFSET = 10000
_next = os.getpid() * 53


def free_ports(count: int, last_takes: int = 1) -> list[int]:
    """Ports that are free now, as is the one 10000 above each; no two calls of a process give the same.

    The last one is the first of ``last_takes`` in a row.
    """
    global _next
    found: list[int] = []
    while len(found) < count:
        row = last_takes if len(found) == count - 1 else 1
        start = FIRST + _next % COUNT
        _next += 1
        wanted = [port for first in range(start, start + row) for port in (first, first + GRPC_OFFSET)]
        if all(is_free("127.0.0.1", port) for port in wanted):
            found.append(start)
            _next += row - 1
    return found


def free_stack() -> dict[str, str]:
    """Settings that put a whole embedded stack on free ports."""
    names = ("TEMPORAL_PORT", "TEMPORAL_UI_PORT", "S3_PORT", "GATEWAY_PORT", "S3_INTERNAL_PORT")
    ports = free_ports(len(names), last_takes=INTERNAL_PORTS)
    return {f"DURABOT_{name}": str(port) for name, port in zip(names, ports, strict=True)}


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there, as servers do: a port in TIME_WAIT is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
