"""Whether an object is still absent, for three milliseconds of CPU where a whole sync takes fifty.

A thousand idle bots ask this once a minute each. Runs in a forked child, and imports a socket only.
"""

from __future__ import annotations

# The C module alone: what the standard library puts around it is most of what an import would cost.
import _socket

TIMEOUT_S = 20.0
STATUS_BYTES = 12
ABSENT = b"404"


def is_absent(endpoint: str, request: bytes) -> bool:
    """True for a clear "not found". False for everything else, which is for a real client to understand."""
    host, colon, port = endpoint.rpartition(":")
    if not colon or not port.isdigit():
        host, port = endpoint, "80"
    try:
        # As bytes: of text it would import all that names in other scripts need, for three times the cost.
        name = host.strip("[]").encode()
        family, kind, protocol, _, address = _socket.getaddrinfo(name, int(port), 0, _socket.SOCK_STREAM)[0]
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.settimeout(TIMEOUT_S)
            connection.connect(address)
            connection.sendall(request)
            head = b""
            while len(head) < STATUS_BYTES and (block := connection.recv(STATUS_BYTES - len(head))):
                head += block
        finally:
            connection.close()
    except OSError:
        return False
    version, _, status = head.partition(b" ")
    return version.startswith(b"HTTP/1.") and status == ABSENT
