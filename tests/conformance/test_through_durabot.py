"""A realtime bot of each language through the program and the gateway, with all servers, on each backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.bot_build import Unavailable
from tests.conformance.bot_programs import PROGRAMS, files_of
from tests.conformance.cells import Key
from tests.conformance.laboratory import GREETING
from tests.conformance.recipes import interpreter_missing
from tests.conformance.scenarios import PARAMS
from tests.support.asking import Asked, ask
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack

STACKS = {"process": "process_stack", "docker": "docker_stack"}
STEPS = ("get mark", "config greeting", "put mark alive", "trap gracefully", "say ready", "wait")
UP_S = 120


def test_through_durabot(key: Key, runtimes: None, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    _, runtime, backend = key
    program = PROGRAMS[runtime]
    if backend == "process" and (reason := interpreter_missing(runtime)):
        pytest.skip(reason)
    try:
        files = dict(files_of(program).result())
    except Unavailable as reason:
        pytest.skip(str(reason))
    stack: Stack = request.getfixturevalue(STACKS[backend])
    name = f"conf-{runtime.replace('.', '-')}"
    write_bot(
        tmp_path / "bot",
        name,
        files.pop(program.entrypoint),
        runtime=runtime,
        entrypoint=program.entrypoint,
        query_entrypoint=program.query_entrypoint,
        files=files,
        steps="\n".join(STEPS),
        greeting=GREETING,
    )

    def printed() -> list[str]:
        return stack.run("logs", name, check=False).stdout.splitlines()

    def asked(path: str) -> Asked:
        return ask(stack.gateway, name, path, **PARAMS)

    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "ready" in printed(), UP_S, "its last line")
    assert printed() == ["get mark absent", f"config {GREETING}", "ready"]
    until(lambda: asked("/any").status == 200, UP_S, "its query server")
    running = asked("/any").data
    assert (running["mark"], running["path"], running["params"]) == ("alive", None, PARAMS)
    assert asked("/error") == Asked(status=500, error="no alive here")

    stopped = stack.json("stop", name)["status"]["last_exit"]
    assert (stopped["exit_code"], stopped["final_sync"]) == (0, "ok")
    assert printed()[-1] == "stopped gracefully"
    saved = asked("/write")
    assert saved.status == 200, saved.error
    assert (saved.data["mark"], saved.data["path"]) == ("alive", "/write")
    assert asked("/error") == Asked(status=500, error="no alive here")

    stack.run("start", name)
    until(lambda: "get mark alive" in printed(), UP_S, "that it goes on with its state")
    stack.run("delete", name, "--yes")
