"""The engine's calls that we need, with its errors made ours: the only module that knows its client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import docker
import requests

from activities.errors import BackendRefused, BackendUnavailable, Conflict, DurabotError, NotFound

# Over what an engine needs that starts many containers at once.
TIMEOUT_S = 120
CONNECTIONS = 32
UNIX = "unix://"


class Engine:
    """Blocking, and safe for many threads. Connects with the first call, so an engine that is down fails
    calls (``BackendUnavailable``) and nothing else."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._connecting = threading.Lock()
        self._connected: Any = None

    def info(self) -> dict[str, Any]:
        """Version, limits and security options of the engine."""
        with self._told("the engine's info"):
            return dict(self._client().info())

    def image_environment(self, image: str) -> list[str]:
        """The image's own variables; ``NotFound`` when the engine does not have it."""
        with self._told(f"image {image}"):
            return [*(self._client().inspect_image(image)["Config"].get("Env") or ())]

    def pull(self, image: str) -> None:
        """Returns when it is here. A digest or a tag, else ``latest``."""
        repository, at, digest = image.partition("@")
        name, colon, tag = image.rpartition(":")
        if not at and colon and "/" not in tag:
            repository = name
        with self._told(f"image {image} cannot be pulled"):
            self._client().pull(repository, tag=digest or (tag if repository == name else "latest"))

    def image_labels(self, image: str) -> dict[str, str]:
        """``NotFound`` when the engine does not have it."""
        with self._told(f"image {image}"):
            return dict(self._client().inspect_image(image)["Config"].get("Labels") or {})

    def image_id(self, image: str) -> str:
        """Of its content; ``NotFound`` when the engine does not have it."""
        with self._told(f"image {image}"):
            return str(self._client().inspect_image(image)["Id"])

    def output(self, name: str) -> Iterator[bytes]:
        """What the container's processes print, in pieces, until its end."""
        with self._told(f"output of container {name}"):
            yield from self._client().logs(name, stream=True, follow=True)

    def wait(self, name: str) -> int:
        """The exit code, once it is over."""
        with self._told(f"end of container {name}"):
            return int(self._client().wait(name)["StatusCode"])

    def create(self, name: str, body: Mapping[str, Any]) -> None:
        """``Conflict`` when the name is in use."""
        with self._told(f"container {name} cannot be created"):
            self._client().create_container_from_config(dict(body), name)

    def start(self, name: str) -> None:
        """Fine when it runs."""
        with self._told(f"container {name} cannot be started"):
            self._client().start(name)

    def inspect(self, name: str) -> dict[str, Any] | None:
        """None when there is no such container."""
        try:
            with self._told(f"container {name}"):
                return dict(self._client().inspect_container(name))
        except NotFound:
            return None

    def list(self, *, running: bool, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Summaries of those that have all the labels; exited ones too unless ``running``."""
        wanted = {"label": [f"{name}={value}" for name, value in labels.items()]}
        with self._told("list of containers"):
            return [*self._client().containers(all=not running, filters=wanted)]

    def usage(self, name: str) -> tuple[float, int] | None:
        """CPU seconds and bytes as the engine has them, in one sample; None when it does not run."""
        try:
            with self._told(f"usage of container {name}"):
                found = self._client().stats(name, stream=False, one_shot=True)
        except NotFound:
            return None
        memory = found["memory_stats"]
        if "usage" not in memory:
            return None
        kept = memory.get("stats", {})
        idle = kept.get("inactive_file", kept.get("total_inactive_file", 0))
        cpu = found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
        return float(cpu), max(0, int(memory["usage"]) - int(idle))

    def kill(self, name: str, signal: str) -> None:
        """Fine when it is gone or over."""
        try:
            with self._told(f"container {name}: {signal}"):
                self._client().kill(name, signal)
        except (NotFound, Conflict):
            pass  # What a signal was to bring about is so.

    def remove(self, name: str, *, force: bool = False) -> None:
        """``Conflict`` for a running one, which ``force`` kills, and for one that is being removed; fine when
        it is gone."""
        try:
            with self._told(f"container {name} cannot be removed"):
                self._client().remove_container(name, v=True, force=force)
        except NotFound:
            pass

    def network(self, name: str) -> dict[str, Any] | None:
        """None when there is no such network."""
        try:
            with self._told(f"network {name}"):
                return dict(self._client().inspect_network(name))
        except NotFound:
            return None

    def networks(self, labels: Mapping[str, str]) -> Sequence[str]:
        """Names of those that have all the labels."""
        wanted = {"label": [f"{name}={value}" for name, value in labels.items()]}
        with self._told("list of networks"):
            return [str(found["Name"]) for found in self._client().networks(filters=wanted)]

    def create_network(self, name: str, *, options: Mapping[str, str], labels: Mapping[str, str]) -> None:
        """A bridge. Names are not unique by themselves: the caller has to hold a lock."""
        with self._told(f"network {name} cannot be created"):
            self._client().create_network(
                name, driver="bridge", options=dict(options), labels=dict(labels), check_duplicate=True
            )

    def remove_network(self, name: str) -> None:
        """Fine when it is gone."""
        try:
            with self._told(f"network {name} cannot be removed"):
                self._client().remove_network(name)
        except NotFound:
            pass

    def events(
        self, since: str, labels: Mapping[str, str], opened: Callable[[Callable[[], None]], None]
    ) -> Iterator[dict[str, Any]]:
        """Events of containers, until the connection ends. ``opened`` is called when the engine has accepted,
        with what ends it from another thread. What came after ``since`` is told again."""
        wanted = {
            "type": "container",
            "label": [f"{name}={value}" for name, value in labels.items()],
            "event": ["start", "die", "destroy"],
        }
        with self._told("events"):
            stream = self._client().events(since=since, filters=wanted, decode=True)
            try:
                opened(stream.close)
                yield from stream
            finally:
                stream.close()

    def close(self) -> None:
        """Give the connections back."""
        with self._connecting:
            if self._connected is not None:
                self._connected.close()
                self._connected = None

    def _client(self) -> Any:
        with self._connecting:
            _listens(self.host)
            if self._connected is None:
                self._connected = docker.APIClient(
                    self.host, version="auto", timeout=TIMEOUT_S, max_pool_size=CONNECTIONS
                )
            return self._connected

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except docker.errors.APIError as error:
            raise _ours(error.status_code or 500)(f"{what}: {error.explanation or error}") from error
        except (
            docker.errors.DockerException,
            requests.RequestException,
            OSError,
            json.JSONDecodeError,
        ) as error:
            raise BackendUnavailable(f"{what}: the engine at {self.host} does not answer: {error}") from error


def _listens(host: str) -> None:
    """Raises ``OSError`` when not. The client itself leaves a socket open whenever nobody listens, one for
    each call while an engine is away; asking here takes microseconds."""
    if host.startswith(UNIX):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(TIMEOUT_S)
            probe.connect(host.removeprefix(UNIX))


def _ours(status: int) -> type[DurabotError]:
    known = {404: NotFound, 409: Conflict, 429: BackendUnavailable}
    return known.get(status, BackendRefused if 400 <= status < 500 else BackendUnavailable)
