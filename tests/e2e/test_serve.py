"""``durabot serve``: the parts of a stack, each started by somebody else than ``durabot up``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from worker.embedded.stack import answers

STOP_S = 30
Serve = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def parts(own_stack: Stack, tmp_path: Path) -> Iterator[Serve]:
    """Starts parts of the stack; all are ended after the test, the last one first."""
    started: list[subprocess.Popen[bytes]] = []

    def serve(part: str, **settings: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{part}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "worker", "serve", part],
                env={**own_stack.environment, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield serve
    for process in reversed(started):
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def test_parts_that_are_started_one_by_one_are_a_whole_stack(
    own_stack: Stack, parts: Serve, tmp_path: Path
) -> None:
    stack, settings = own_stack, own_stack.worker_settings()
    existing = {
        "DURABOT_TEMPORAL_ADDRESS": settings.temporal_address_in_use,
        "DURABOT_S3_ENDPOINT": settings.s3_endpoint_in_use,
    }
    # Not with backend's own: this gateway has no way to bots but Temporal.
    gateway = {**existing, "DURABOT_QUERY_MODE": "temporal", "DURABOT_BACKEND": "process"}
    servers = [parts("temporal"), parts("s3")]
    until(lambda: (stack.directory / "s3-credentials.json").exists(), what="the keys")
    ready = tmp_path / "ready"
    parts("worker", **existing, DURABOT_READY_FILE=str(ready))
    parts("gateway", **gateway)
    until(ready.exists, 60, "the worker")
    until(lambda: answers(f"{stack.gateway}/health"), 60, "the gateway")

    source = "import time\ndef main(bot_id, config):\n    print('here', flush=True)\n    time.sleep(1000)\n"
    write_bot(tmp_path / "bot", "parted", source)
    assert stack.json("deploy", str(tmp_path / "bot"))["action"] == "created"
    assert stack.json("status", "parted")["phase"] == "Running"
    stack.settings |= existing
    found = {each["name"]: each for each in stack.json("doctor")}
    assert [found[name]["result"] for name in ("gateway", "Temporal", "object store")] == ["ok"] * 3
    stack.run("delete", "parted", "--yes")

    for name in existing:
        del stack.settings[name]
    # The ports of one that runs would be told first; this is what is left when ports are moved, too.
    refused = Stack(stack.directory).run("up", "--detach", check=False)
    assert refused.returncode == 1
    assert f"{stack.directory} is in use" in refused.stderr
    for server in servers:
        # The program itself has taken the place of the command.
        program = Path(f"/proc/{server.pid}/cmdline").read_bytes().partition(b"\0")[0]
        assert program.endswith((b"temporal", b"weed")), program


def test_a_server_is_refused_beside_a_stack_on_its_data(stack: Stack) -> None:
    done = Stack(stack.directory).run("serve", "temporal", "--json", check=False)
    assert done.returncode == 1
    told = json.loads(done.stderr)
    assert (told["code"], told["next"]) == ("data_dir_in_use", "stop that first: durabot down")


def test_a_part_ends_with_the_signal_and_its_code(own_stack: Stack, parts: Serve) -> None:
    server = parts("temporal")
    until(lambda: (own_stack.directory / "temporal.db").exists(), what="its database")
    until(lambda: stack_answers(own_stack), 60, "Temporal")
    server.send_signal(signal.SIGTERM)
    assert server.wait(STOP_S) == 0


def stack_answers(stack: Stack) -> bool:
    return stack.run("list", check=False).returncode == 0
