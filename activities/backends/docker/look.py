"""What an operator has to know of the engine and the image before bots can start."""

from __future__ import annotations

from activities.backends.docker.engine import Engine


def engine_found(host: str) -> str:
    """One line; ``BackendUnavailable`` where no engine answers."""
    engine = Engine(host)
    try:
        info = engine.info()
    finally:
        engine.close()
    restore = "go on without it" if info.get("LiveRestoreEnabled") else "end with it"
    return f"Docker {info['ServerVersion']} at {host}; containers {restore}"


def image_found(host: str, image: str) -> str:
    """One line; ``NotFound`` where the engine does not have the image."""
    engine = Engine(host)
    try:
        engine.image_environment(image)
    finally:
        engine.close()
    return image
