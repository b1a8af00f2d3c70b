"""A secret of a configuration is the bot's alone: nothing that an operator sees or a server keeps has it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from activities.sealing.sealed_config import MARK
from tests.support.bots import write_bot
from tests.support.stack import Stack
from worker.settings import SECRET_KEYS_FILE
from workflows import ids

SECRET = "Zyx-very-secret-9137"
PASSWORD = "pässword-Qm41-half"
WORD = "an-ordinary-word-5512"
PROPERTIES = {
    "word": {"type": "string"},
    "api_key": {"type": "string", "writeOnly": True, "minLength": 8},
    "login": {"type": "object", "properties": {"password": {"type": "string", "format": "password"}}},
}
SCHEMA: dict[str, Any] = {"type": "object", "properties": PROPERTIES}
# It tells that it has them without telling them.
BOT = """
import hashlib, signal, sys, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    found = config["api_key"] + config["login"]["password"] + config["word"]
    print("digest", hashlib.sha256(found.encode()).hexdigest(), flush=True)
    if config["name"].endswith("rt"):
        stop.wait()
"""
DIGEST = hashlib.sha256((SECRET + PASSWORD + WORD).encode()).hexdigest()


def secret_bot(directory: Path, name: str, **more: Any) -> Path:
    values = {"word": WORD, "api_key": SECRET, "login": {"user": "u", "password": PASSWORD}} | more
    return write_bot(directory, name, BOT, schema=SCHEMA, **values)


def kept(stack: Stack) -> bytes:
    """What servers and we keep in files: Temporal's database, the store, logs. The bots' own are left out."""
    files = [path for path in stack.directory.rglob("*") if path.is_file()]
    return b"\0".join(path.read_bytes() for path in files if "process" not in path.parts)


async def history(stack: Stack, workflow_id: str) -> bytes:
    handle = (await stack.client()).get_workflow_handle(workflow_id)
    return b"\n".join([event.SerializeToString() async for event in handle.fetch_history_events()])


def test_a_secret_reaches_the_bot_and_nobody_else(own_stack: Stack, tmp_path: Path) -> None:
    own_stack.up()
    realtime = secret_bot(tmp_path / "rt", "secret-rt")
    scheduled = secret_bot(tmp_path / "sched", "secret-sched", kind="scheduled", schedule="0 0 0 1 1 *")
    told = own_stack.run("deploy", str(realtime)).stdout + own_stack.run("deploy", str(scheduled)).stdout
    own_stack.run("run", "secret-sched")
    for bot in ("secret-rt", "secret-sched"):
        assert DIGEST in own_stack.run("logs", bot).stdout
        told += own_stack.run("status", bot, "--json").stdout
    assert own_stack.json("deploy", str(realtime))["action"] == "unchanged"
    assert own_stack.json("deploy", str(scheduled))["action"] == "unchanged"
    refused = own_stack.run(
        "deploy", str(secret_bot(tmp_path / "bad", "secret-bad", api_key="Zyx-9")), check=False
    )
    assert refused.returncode == 1
    assert "api_key" in refused.stderr
    assert "Zyx-9" not in refused.stdout + refused.stderr
    for command in (("list", "--json"), ("runs", "secret-sched", "--json"), ("top", "--once", "--json")):
        told += own_stack.run(*command).stdout
    seen = asyncio.run(history(own_stack, ids.bot_workflow_id("secret-rt")))
    assert MARK.encode() in seen
    assert WORD.encode() in seen
    own_stack.down()
    everything = kept(own_stack) + seen + told.encode()
    for secret in (SECRET, PASSWORD):
        for form in (secret.encode(), json.dumps(secret)[1:-1].encode()):
            assert form not in everything, f"{secret} is in what was kept or told"


def test_all_that_temporal_keeps_is_encrypted_where_asked(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack", {"DURABOT_ENCRYPT_PAYLOADS": "true"})
    try:
        stack.up()
        directory = secret_bot(tmp_path / "rt", "coded-rt")
        stack.run("deploy", str(directory))
        assert DIGEST in stack.run("logs", "coded-rt").stdout
        assert stack.json("status", "coded-rt")["phase"] == "Running"
        seen = asyncio.run(history(stack, ids.bot_workflow_id("coded-rt")))
        assert WORD.encode() not in seen
        stack.run("stop", "coded-rt")
    finally:
        stack.destroy()


def test_a_value_whose_key_is_gone_stops_the_start_and_says_so(own_stack: Stack, tmp_path: Path) -> None:
    own_stack.up()
    own_stack.run("deploy", str(secret_bot(tmp_path / "rt", "keyless-rt", enabled=False)))
    own_stack.down()
    (own_stack.directory / SECRET_KEYS_FILE).unlink()
    own_stack.up()
    started = own_stack.run("start", "keyless-rt", check=False)
    status = own_stack.json("status", "keyless-rt")
    assert started.returncode != 0 or status["phase"] != "Running"
    assert "sealed with key 'key-" in status["message"] + started.stderr + started.stdout


@pytest.mark.parametrize("keys", ["k1:AAAA", "nonsense"])
def test_keys_that_are_none_end_a_command_with_the_reason(tmp_path: Path, keys: str) -> None:
    stack = Stack(tmp_path / "stack", {"DURABOT_SECRET_KEYS": keys})
    done = stack.run("up", "--detach", check=False)
    assert done.returncode != 0
    assert "secret key" in done.stderr
    assert keys not in done.stderr
