"""What every backend tells of a container that runs, and gives to it: environment, address, usage, logs."""

from __future__ import annotations

import asyncio
import os
import socket

from activities.ports import ContainerUsage
from tests.contract.backends import Factory
from tests.contract.containers import DEADLINE_S, ended, lines, spec, until, waits_for_line

# What an engine and not we put into the environment of every first process.
OF_THE_ENGINE = {"docker": {"PATH", "HOSTNAME", "HOME", "LANG"}}


def test_the_environment_is_what_was_given_and_nobody_elses(factory: Factory, kind: str) -> None:
    async def scenario() -> None:
        os.environ["LEAK"] = "1"
        try:
            backend = factory()
            big = "ä" * 200_000
            await backend.start(spec(GIVEN_BIG=big, GIVEN_ODD="a=b\nc'\""))
            await ended(backend, "bot-a.r1")
            text = await lines(backend, "bot-a.r1")
        finally:
            del os.environ["LEAK"]
        [environ] = [line for line in text if line.startswith("environ ")]
        allowed = {"DURABOT_ENV_FILE", "LC_CTYPE", "PWD"} | OF_THE_ENGINE.get(kind, set())
        assert set(environ.removeprefix("environ ").split(",")) <= allowed
        [given] = [line for line in text if line.startswith("given ")]
        import json

        assert json.loads(given.removeprefix("given ")) == {"GIVEN_BIG": big, "GIVEN_ODD": "a=b\nc'\""}

    asyncio.run(scenario())


def test_the_address_answers_while_it_runs(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600, FAKE_SERVE=1))
        await waits_for_line(backend, "bot-a.r1", "given")
        address = await backend.address("bot-a.r1")
        assert address is not None

        async def connects() -> bool:
            try:
                socket.create_connection(address, timeout=5).close()
            except ConnectionRefusedError:
                return False
            return True

        await until(connects, "an answer")
        await backend.stop("bot-a.r1")
        assert await backend.address("bot-a.r1") is None

    asyncio.run(scenario())


def test_usage_grows_with_what_a_bot_does_and_knows_only_what_runs(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        assert list(await backend.usage()) == []
        await backend.start(spec(FAKE_SLEEP=600, FAKE_SPIN=1))
        await backend.start(spec("bot-b.r1", "bot-b", FAKE_SLEEP=600))
        await backend.start(spec("bot-a.q1", kind="query", FAKE_SLEEP=600))

        async def by_bot() -> dict[str, ContainerUsage]:
            return {usage.bot_id: usage for usage in await backend.usage()}

        async def interpreters_run() -> bool:
            return all(usage.memory > 1 << 20 for usage in (await by_bot()).values())

        # Whoever looks sooner sees what starts them.
        await until(interpreters_run, "memory of an interpreter")
        first = await by_bot()
        assert first.keys() == {"bot-a", "bot-b"}
        assert {usage.run_id for usage in first.values()} == {"1"}
        # An interpreter, and not this machine.
        assert all(1 << 20 < usage.memory < 1 << 30 for usage in first.values())

        async def spins() -> bool:
            return (await by_bot())["bot-a"].cpu_s > first["bot-a"].cpu_s + 0.5

        await until(spins, "CPU time of the one that spins")
        now = await by_bot()
        assert now["bot-a"].at > first["bot-a"].at
        assert now["bot-b"].cpu_s < first["bot-b"].cpu_s + 0.5
        await backend.stop("bot-a.r1", 0)
        assert (await by_bot()).keys() == {"bot-b"}

    asyncio.run(scenario())


def test_following_logs_ends_with_the_container(factory: Factory) -> None:
    async def scenario() -> None:
        backend = factory()
        await backend.start(spec(FAKE_SLEEP=600))
        await waits_for_line(backend, "bot-a.r1", "given")

        async def follow() -> list[bytes]:
            return [line async for line in backend.logs("bot-a.r1", follow=True, tail=1)]

        following = asyncio.create_task(follow())
        await asyncio.sleep(0)
        await backend.stop("bot-a.r1")
        found = await asyncio.wait_for(following, DEADLINE_S)
        assert found[-1] == b"term\n"
        assert not any(line.startswith(b"started") for line in found)

    asyncio.run(scenario())
