"""What an operator has to know of the engine and the image before bots can start."""

from __future__ import annotations

from activities.backends.docker.engine import Engine
from activities.backends.docker.mapped_users import refuse_mapped_users
from agent.sources import digest

# Put there by deploy/image/build.sh.
AGENT = "durabot.agent"


def engine_found(host: str) -> str:
    """One line; ``BackendUnavailable`` where none answers, ``BackendRefused`` where it cannot run bots."""
    engine = Engine(host)
    try:
        info = engine.info()
    finally:
        engine.close()
    refuse_mapped_users(host, info)
    restore = "go on without it" if info.get("LiveRestoreEnabled") else "end with it"
    return f"Docker {info['ServerVersion']} at {host}; containers {restore}"


def image_found(host: str, image: str) -> str:
    """One line; ``NotFound`` where the engine does not have the image."""
    _labels(host, image)
    return image


def agent_problem(host: str, image: str) -> str:
    """Empty where the image has the agent of this worker; ``NotFound`` where the engine does not have it.

    Bots run with an older agent too, so that an upgrade of the worker stops none of them; but what the worker
    has learned since then they lack.
    """
    theirs, ours = _labels(host, image).get(AGENT, ""), digest()
    if theirs == ours:
        return ""
    whose = f"another agent ({theirs})" if theirs else "an agent that has no digest"
    return f"image {image} has {whose}, this worker has {ours}: bots run with the image's"


def _labels(host: str, image: str) -> dict[str, str]:
    engine = Engine(host)
    try:
        return engine.image_labels(image)
    finally:
        engine.close()
