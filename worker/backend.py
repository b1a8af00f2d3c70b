"""The backend of this host, from the settings: the one place that knows the adapters."""

from __future__ import annotations

from pathlib import Path

from activities.backends.process.backend import ProcessBackend
from activities.ports import ContainerBackend
from agent.zipapp_build import build
from worker.settings import Settings, interpreter
from worker.version import version


def make_backend(settings: Settings) -> ContainerBackend:
    """Of the process backend several may live side by side: worker, gateway and command line."""
    sandbox = {"auto": None, "on": True, "off": False}[settings.sandbox]
    return ProcessBackend(
        settings.data / "process", agent_file(settings), python=interpreter(), sandbox=sandbox
    )


def agent_file(settings: Settings) -> Path:
    """The agent as one file in the data directory, built when this version's is missing or older."""
    return build(settings.data / "agent" / f"runtime-{version()}.pyz")
