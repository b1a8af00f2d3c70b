"""What lies between the real client and the simulated store: here requests and answers go astray."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from tests.simulation.clock import Clock
from tests.simulation.profile import Profile
from tests.simulation.server import Request, Server

# A store refuses a request that was signed longer ago.
EXPIRES_NS = 900 * 10**9


class Surroundings(Protocol):
    """What a connection needs of the world."""

    random: Random
    clock: Clock
    profile: Profile
    server: Server
    # Requests whose sender has given up on them, but which may still arrive; and until when.
    underway: list[tuple[int, Request]]
    calm: bool

    def at_request(self, text: str) -> None:
        """The sender waits: others may run, and it may die."""

    def told(self, text: str) -> None:
        """For the trace."""


class Answer:
    """A whole answer, or with ``broken`` one that ends in the middle."""

    def __init__(self, status: int, data: bytes, broken: bool) -> None:
        self.status = status
        self._data = data
        self._broken = broken
        self.over, self.last = True, False

    def read(self) -> bytes:
        """All of it."""
        if self._broken:
            raise OSError("the server closed the connection before the end")
        return self._data

    def read_some(self, most: int) -> bytes:
        """Empty at the end."""
        if self._broken:
            raise OSError("the server closed the connection before the end")
        part, self._data = self._data[:most], self._data[most:]
        return part


class SimulatedConnection:
    """Stands in for ``agent.http_connection.Connection``: one sender's, for one piece of its work."""

    def __init__(self, world: Surroundings, sender: str, number: int) -> None:
        self._world = world
        self._sender = sender
        self._number = number

    def close(self) -> None:
        """There is nothing to close."""

    def request(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """As the real one: sent once, whatever happens; ``OSError`` when there is no answer."""
        path, _, query = target.partition("?")
        _, _, key = unquote(path).lstrip("/").partition("/")
        request = Request(
            method=method,
            key=key,
            params=dict(parse_qsl(query)),
            headers=headers,
            body=body,
            sender=self._sender,
            number=self._number,
        )
        world = self._world
        world.at_request(str(request))
        status, data = self._sent(request)
        # The answer is on its way, and what it says grows old.
        if world.random.random() < 0.3:
            world.at_request(f"{request} answered {status}")
        if self._happens(world.profile.lost_answer):
            world.told(f"{request}: {status}, the answer is lost")
            raise OSError("the connection broke off")
        if status < 300 and self._happens(world.profile.failed_though_done):
            world.told(f"{request}: done, but answered 500")
            return Answer(500, b"", False)
        broken = bool(data) and self._happens(world.profile.broken_answer)
        world.told(f"{request}: {status}{' and breaks off' if broken else ''}")
        return Answer(status, data, broken)

    def _sent(self, request: Request) -> tuple[int, bytes]:
        world, profile = self._world, self._world.profile
        if self._happens(profile.lost_request):
            world.told(f"{request}: is lost")
            raise OSError("the connection broke off")
        if self._happens(profile.refused):
            return 503, b""
        if request.method != "GET" and self._happens(profile.late):
            world.underway.append((world.clock.now_ns + EXPIRES_NS, request))
            world.at_request(f"{request} is under way")
            raise OSError("no answer in time")
        if "if-none-match" in request.headers and self._happens(profile.conflict):
            return 409, b""
        answer = world.server.apply(request)
        if request.method != "GET" and self._happens(profile.doubled):
            world.told(f"{request}: {answer[0]}, sent twice on its way")
            if world.random.random() < 0.5:
                # The second one comes when it likes.
                world.underway.append((world.clock.now_ns + EXPIRES_NS, request))
            else:
                world.at_request(f"{request} for the second time")
                answer = world.server.apply(request)
        return answer

    def _happens(self, share: float) -> bool:
        return share > 0 and not self._world.calm and self._world.random.random() < share
