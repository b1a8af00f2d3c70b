"""Runs with keys of their own, on a real stack: bots live on them, cannot read them, and get new ones."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.backends.layout import ContainerFiles
from agent.sealed_keys import NAME
from tests.support import docker_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.docker_stack import docker_stack_settings, give_up
from tests.support.stack import Stack
from worker.backend import make_backend
from worker.key_renewal import KeyRenewal
from worker.storage import run_keys

# Tries every way to its agent's keys, as the user that it is.
BOT = r"""
import ctypes, json, os, pathlib, time
MARKS = (b"MINIO_SECRET" + b"_KEY=", b"DURABOT_RUN" + b"_KEY=")

def reads(path, most=1 << 24):
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        return None

def attempts():
    libc = ctypes.CDLL(None, use_errno=True)
    agent = os.getppid()
    for name in ("environ", "mem", "maps", "auxv", "pagemap", "syscall"):
        if name == "mem":
            try:
                os.close(os.open(f"/proc/{agent}/mem", os.O_RDONLY))
                yield "mem", True
            except OSError:
                yield "mem", False
        else:
            yield name, bool(reads(f"/proc/{agent}/{name}"))
    try:
        yield "descriptors", bool(os.listdir(f"/proc/{agent}/fd"))
    except OSError:
        yield "descriptors", False
    attached = libc.ptrace(16, agent, None, None) == 0
    if attached:
        libc.ptrace(17, agent, None, None)
    yield "ptrace", attached
    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    room = ctypes.create_string_buffer(16)
    mine, theirs = Piece(ctypes.addressof(room), 16), Piece(0x400000, 16)
    yield "process_vm_readv", (
        libc.process_vm_readv(agent, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) == -1
        and ctypes.get_errno() != 1
    )
    own = str(os.getpid())
    found = []
    for process in os.listdir("/proc"):
        if process.isdigit() and any(mark in (reads(f"/proc/{process}/environ") or b"") for mark in MARKS):
            found.append(process)
    yield "any environment", bool(found)
    files = []
    for top in ("/var/the0", "/tmp", "/query", "/state", "/app"):
        for directory, _, names in os.walk(top):
            for name in names:
                data = reads(os.path.join(directory, name))
                if data and any(mark in data or b"ASIA" in data for mark in MARKS):
                    files.append(os.path.join(directory, name))
    yield "files", bool(files)

def main(bot_id, config):
    own = bool(reads("/proc/self/environ") and reads("/proc/self/maps"))
    print("attempts " + json.dumps({**dict(attempts()), "own": own}), flush=True)
    state = pathlib.Path(os.environ["STATE_DIR"])
    state.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        number += 1
        (state / "number").write_text(str(number))
        time.sleep(0.5)
"""
QUERY = """
import json, os, pathlib
text = (pathlib.Path(os.environ["STATE_DIR"]) / "number").read_text()
pathlib.Path("/query/result.json").write_text(json.dumps({"status": "ok", "data": int(text)}))
"""


@pytest.fixture(params=["process", "docker"])
def keyed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    settings = {"DURABOT_CREDENTIALS": "sts"}
    if request.param == "docker":
        try:
            settings |= docker_stack_settings()
        except docker_engine.Missing as missing:
            pytest.skip(str(missing))
    stack = Stack(tmp_path / "data", settings)
    stack.up()
    yield stack
    if request.param == "docker":
        give_up(stack)
    else:
        stack.destroy()


def newest(stack: Stack) -> int:
    return max((int(row["generation"]) for row in stack.json("state", "log", "keyed")), default=0)


def renew(stack: Stack) -> list[str]:
    """As the worker does when a quarter of their time is over."""
    settings = stack.worker_settings()
    keys = run_keys(settings)
    assert keys is not None

    async def once() -> list[str]:
        backend = make_backend(settings)
        try:
            renewal = KeyRenewal(backend, keys, settings.data / settings.backend, settings.credentials_s)
            assert await renewal.once(time.time()) == []
            return await renewal.once(time.time() + settings.credentials_s)
        finally:
            await backend.close()

    return asyncio.run(once())


def test_a_bot_lives_on_keys_of_its_own_and_cannot_read_them(keyed: Stack, tmp_path: Path) -> None:
    confined = keyed.settings.get("DURABOT_BACKEND") == "docker" or "bubblewrap" in keyed.log("worker")
    bot = write_bot(tmp_path / "bot", "keyed", BOT, query=QUERY, sync_interval="1s")
    keyed.run("deploy", str(bot))

    def tried() -> list[str]:
        lines = keyed.run("logs", "keyed", check=False).stdout.splitlines()
        return [line for line in lines if "attempts {" in line]

    until(lambda: bool(tried()), what="the bot's attempts")
    found = json.loads(tried()[0].partition("attempts ")[2])
    # What is asked of the agent can be had where nothing is in the way.
    assert found.pop("own") is True
    if confined:
        assert [name for name, could in found.items() if could] == []

    until(lambda: newest(keyed) >= 2, what="a save with the first keys")
    [name] = renew(keyed)
    settings = keyed.worker_settings()
    sealed = ContainerFiles(root=settings.data / settings.backend, name=name).var / NAME
    assert sealed.is_file()
    for secret in settings.s3_credentials():
        assert secret.encode() not in sealed.read_bytes()
    before = newest(keyed)
    until(lambda: newest(keyed) > before, what="a save with the renewed keys")

    keyed.run("stop", "keyed")
    assert keyed.json("query", "keyed", "/number") > 0
