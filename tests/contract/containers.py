"""Containers of the contract suite: what they are made of, and what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from activities.ports import ContainerBackend, ContainerSpec, ContainerState

DEADLINE_S = 30.0


def spec(name: str = "bot-a.r1", bot_id: str = "bot-a", **more: object) -> ContainerSpec:
    fields = {name: value for name, value in more.items() if not name.isupper()}
    env = {name: str(value) for name, value in more.items() if name.isupper()}
    given = {"stop_grace_s": 0.3, "sync_budget_s": 0.3, **fields}
    return ContainerSpec(name=name, bot_id=bot_id, run_id="1", env=env, labels={"a": "b"}, **given)  # type: ignore[arg-type]  # of the test's own making


async def until(look: Callable[[], Awaitable[object]], what: str) -> object:
    async with asyncio.timeout(DEADLINE_S):
        while not (found := await look()):  # noqa: ASYNC110 - other processes give no event
            await asyncio.sleep(0.01)
    assert found, what
    return found


async def ended(backend: ContainerBackend, name: str) -> ContainerState:
    async def look() -> ContainerState | None:
        state = await backend.inspect(name)
        return state if state is not None and state.phase == "exited" else None

    found = await until(look, "the end")
    assert isinstance(found, ContainerState)
    return found


async def lines(backend: ContainerBackend, name: str) -> list[str]:
    return [line.decode().rstrip() async for line in backend.logs(name)]


async def waits_for_line(backend: ContainerBackend, name: str, text: str) -> None:
    async def look() -> bool:
        return any(text in line for line in await lines(backend, name))

    await until(look, text)
