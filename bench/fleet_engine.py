"""What the engine knows of one stack's containers."""

from __future__ import annotations

import docker

from activities.backends.docker.labels import INSTALLATION
from bench.process_tree import installation, shim_agent_bot
from tests.support.stack import Stack

TIMEOUT_S = 300


class FleetEngine:
    """Blocking."""

    def __init__(self, stack: Stack) -> None:
        self._client = docker.APIClient(
            stack.worker_settings().docker_host, version="auto", timeout=TIMEOUT_S
        )
        self._filters = {"label": f"{INSTALLATION}={installation(stack)}"}

    def containers(self) -> set[str]:
        """Ids of those that run."""
        return {str(found["Id"]) for found in self._client.containers(filters=self._filters)}

    def processes(self) -> list[dict[str, int]]:
        """Pids of shim, agent and bot of each that runs."""
        return [
            shim_agent_bot(int(self._client.inspect_container(container)["State"]["Pid"]))
            for container in sorted(self.containers())
        ]

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()
