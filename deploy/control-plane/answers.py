"""Health checks of the control plane's containers: exit code 0 when all that is named is there.

`http://HOST:PORT/PATH` is there when it answers with 200, `unix:PATH` when somebody listens, `file:PATH` when
the file exists. Runs every few seconds in each container, hence light: the standard library only.
"""

import http.client
import socket
import sys
from pathlib import Path

TIMEOUT_S = 4.0


def problem(address: str) -> str:
    """Empty when it is there."""
    kind, _, path = address.partition(":")
    try:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(TIMEOUT_S)
                probe.connect(path)
        elif kind == "file":
            Path(path).stat()
        else:
            host, _, rest = path.removeprefix("//").partition("/")
            connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
            connection.request("GET", f"/{rest}")
            if (status := connection.getresponse().status) != 200:
                return f"{address} answers with {status}"
    except (OSError, http.client.HTTPException) as error:
        return f"{address}: {error or type(error).__name__}"
    return ""


if __name__ == "__main__":
    sys.exit("\n".join(filter(None, map(problem, sys.argv[1:]))) or None)
