"""An embedded stack whose bots are in containers of a real engine."""

from __future__ import annotations

import asyncio

from tests.support import docker_engine
from tests.support.stack import Stack
from worker.backend import make_backend


def docker_stack_settings() -> dict[str, str]:
    """Raises ``docker_engine.Missing`` with the reason where there can be none."""
    if problem := docker_engine.engine_problem():
        raise docker_engine.Missing(problem)
    return {
        "DURABOT_BACKEND": "docker",
        "DURABOT_DOCKER_HOST": docker_engine.HOST,
        "DURABOT_DOCKER_IMAGE": docker_engine.BASE,
    }


def give_up(stack: Stack) -> None:
    """Stop it; nothing of it is left on the engine, which no ``down`` does."""
    stack.destroy()

    async def clean() -> None:
        backend = make_backend(stack.worker_settings())
        for state in await backend.list():
            await backend.stop(state.name, 0)
            await backend.remove(state.name)
        await docker_engine.remove_networks(backend)
        await backend.close()

    asyncio.run(clean())
