"""Bots in containers of a real engine, through the program, with all the embedded stack's servers."""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agent.sources import digest
from tests.support import docker_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.docker_stack import docker_stack_settings, give_up
from tests.support.followed_log import RUN, chatty, following, is_whole, last_of, numbers
from tests.support.stack import Stack
from worker.backend import docker_backend

BOT = """
import os, pathlib, signal, threading
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    directory = pathlib.Path(os.environ["STATE_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    starts = directory / "starts"
    starts.write_text(str(int(starts.read_text()) + 1 if starts.exists() else 1))
    print("started", starts.read_text(), flush=True)
    stop.wait()
    (directory / "last").write_text("graceful")
    print("bye", flush=True)
"""
QUERY = """
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.dumps({"status": "ok", "data": {"path": self.path.partition("?")[0]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", int(os.environ.get("THE0_QUERY_PORT", "9476"))), Answer).serve_forever()
"""
EATER = """
def main(bot_id, config):
    kept = []
    while True:
        kept.append(bytearray(b"x" * (8 << 20)))
"""


def container(stack: Stack, bot: str) -> str:
    """The engine's id of a bot's running container."""
    filters = [
        f"--filter=label=durabot.bot_id={bot}",
        f"--filter=volume={stack.directory}/docker/state/{bot}/data",
    ]
    done = subprocess.run(
        ["docker", "-H", docker_engine.HOST, "ps", "-q", *filters], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_bot_lives_answers_stops_and_starts_again_with_its_state(
    docker_stack: Stack, tmp_path: Path
) -> None:
    stack = docker_stack
    write_bot(tmp_path / "bot", "life", BOT, query=QUERY)
    assert stack.json("deploy", str(tmp_path / "bot"))["action"] == "created"
    status = stack.json("status", "life")
    assert (status["phase"], status["agent"]["phase"]) == ("Running", "running")
    until(lambda: "started 1" in stack.run("logs", "life", check=False).stdout, what="its first line")
    assert stack.json("query", "life", "/prices") == {"path": "/prices"}
    shown = subprocess.run(
        ["docker", "-H", docker_engine.HOST, "inspect", container(stack, "life")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for secret in stack.worker_settings().s3_credentials():
        assert secret not in shown
    stopped = stack.json("stop", "life")
    assert stopped["status"]["phase"] == "Stopped"
    assert stopped["status"]["last_exit"]["final_sync"] == "ok"
    stack.run("state", "export", "life", str(tmp_path / "state"))
    assert (tmp_path / "state/.the0-state/last").read_text() == "graceful"
    assert stack.json("start", "life")["status"]["phase"] == "Running"
    until(lambda: "started 2" in stack.run("logs", "life", check=False).stdout, what="its second start")
    stack.run("delete", "life", "--yes")
    assert not container(stack, "life")
    assert not [*(stack.directory / "docker/containers").glob("life.*")]


def test_a_killed_container_starts_again_with_what_it_had_not_saved(
    docker_stack: Stack, tmp_path: Path
) -> None:
    stack = docker_stack
    write_bot(tmp_path / "bot", "phoenix", BOT, sync_interval=3600)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "started 1" in stack.run("logs", "phoenix", check=False).stdout, what="its first line")
    first = container(stack, "phoenix")
    subprocess.run(["docker", "-H", docker_engine.HOST, "kill", first], capture_output=True, check=True)
    until(lambda: "started 2" in stack.run("logs", "phoenix", check=False).stdout, what="its second start")
    assert container(stack, "phoenix") != first
    stack.run("delete", "phoenix", "--yes")


def test_a_scheduled_bot_runs_and_answers_queries(docker_stack: Stack, tmp_path: Path) -> None:
    stack = docker_stack
    source = "def main(bot_id, config):\n    print('ran with', config['symbol'])\n"
    query = "import json\nopen('/query/result.json', 'w').write(json.dumps({'status': 'ok', 'data': 42}))\n"
    write_bot(
        tmp_path / "bot", "nightly", source, kind="scheduled", query=query, schedule="0 0 1 1 *", symbol="Ж"
    )
    stack.run("deploy", str(tmp_path / "bot"))
    assert stack.json("run", "nightly")
    until(lambda: "ran with Ж" in stack.run("logs", "nightly", check=False).stdout, what="its line")
    assert stack.json("query", "nightly", "/answer") == 42
    stack.run("delete", "nightly", "--yes")


@pytest.mark.parametrize(
    ("variable", "value", "check", "fix"),
    [
        ("DURABOT_DOCKER_HOST", "unix:///nowhere.sock", "engine", "DURABOT_DOCKER_HOST"),
        ("DURABOT_DOCKER_HOST", "tcp://10.0.0.1:2375", "isolation", ""),
        ("DURABOT_DOCKER_IMAGE", "durabot-nowhere:1", "image", "make image"),
    ],
)
def test_doctor_tells_what_bots_lack(
    docker_stack: Stack, variable: str, value: str, check: str, fix: str
) -> None:
    found = {each["name"]: each for each in docker_stack.json("doctor")}
    names = ("isolation", "engine", "image", "container", "network")
    assert {name: found[name]["result"] for name in names} == dict.fromkeys(names, "ok")
    worse = replace(docker_stack, settings={**docker_stack.settings, variable: value})
    done = worse.run("doctor", "--json", check=False)
    [told] = [each for each in json.loads(done.stdout) if each["name"] == check]
    assert (done.returncode, told["result"]) == (1, "fail")
    assert fix in told["fix"]


def test_a_followed_log_has_each_line_once_over_kills_restarts_and_runs(
    docker_stack: Stack, tmp_path: Path
) -> None:
    stack, target = docker_stack, tmp_path / "followed"
    write_bot(tmp_path / "bot", "chatty", chatty(3), sync_interval=3600)
    stack.run("deploy", str(tmp_path / "bot"))
    with following(stack, target, "-n", "-1", "chatty"):
        until(lambda: last_of(target) > 5, 60, "lines that no sync has stored")
        stack.run("restart", "chatty")
        lines = len(numbers(target.read_text()))
        until(lambda: len(numbers(target.read_text())) > lines + 5, 60, "lines of the second start")
        assert is_whole(numbers(target.read_text()))
        killed = container(stack, "chatty")
        subprocess.run(["docker", "-H", docker_engine.HOST, "kill", killed], capture_output=True, check=True)
        until(lambda: container(stack, "chatty") not in ("", killed), 60, "another container")
        lines = len(numbers(target.read_text()))
        until(lambda: len(numbers(target.read_text())) > lines + 5, 60, "lines of the third start")
    stack.run("stop", "chatty")
    assert "".join(f"{line}\n" for line in stack.json("logs", "chatty", "-n", "-1")).startswith(
        target.read_text()
    )
    stack.run("delete", "chatty", "--yes")
    write_bot(tmp_path / "runs", "thrice", RUN, kind="scheduled", schedule="0 0 1 1 *")
    stack.run("deploy", str(tmp_path / "runs"))
    target.unlink()
    with following(stack, target, "thrice"):
        for run in range(3):
            until(lambda: stack.run("run", "thrice", check=False).returncode == 0, 120, "that it may run")
            until(lambda run=run: last_of(target) >= run * 3 + 2, 120, f"the lines of run {run}")
    assert numbers(target.read_text()) == list(range(9))
    stack.run("delete", "thrice", "--yes")


def test_doctor_looks_from_a_real_container(docker_stack: Stack, tmp_path: Path) -> None:
    """A store that is away is told, and so is a way to the control plane that nothing closes."""
    stack = docker_stack
    away = {**stack.settings, "DURABOT_S3_ENDPOINT": "192.0.2.1:9"}
    done = replace(stack, settings=away).run("doctor", "--json", check=False)
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert (found["network"]["result"], "192.0.2.1:9" in found["network"]["found"]) == ("fail", True)
    down = Stack(tmp_path / "down", docker_stack_settings())
    try:
        found = {each["name"]: each for each in json.loads(down.run("doctor", "--json", check=False).stdout)}
        assert found["network"]["result"] == "warn"
        assert "durabot up" in found["network"]["fix"]
        if found["bots' network"]["result"] == "ok":
            # Nobody sets them again here: no worker runs.
            chain = f"DURABOT-{docker_backend(down.worker_settings()).installation}"
            subprocess.run(["iptables", "--wait", "10", "-F", chain], check=True)
        with socket.create_server(("0.0.0.0", 0)) as everywhere:
            port = str(everywhere.getsockname()[1])
            open_plane = {**down.settings, "DURABOT_TEMPORAL_UI_PORT": port}
            done = replace(down, settings=open_plane).run("doctor", "--json", check=False)
        found = {each["name"]: each for each in json.loads(done.stdout)}
        assert (done.returncode, found["container"]["result"]) == (1, "fail")
        assert f":{port}, which is the control plane's" in found["container"]["found"]
        assert found["bots' network"]["result"] == "warn"
    finally:
        give_up(down)
    filters = [f"--filter=label=durabot.probe={docker_backend(stack.worker_settings()).installation}"]
    left = subprocess.run(["docker", "-H", docker_engine.HOST, "ps", "-aq", *filters], capture_output=True)
    assert left.stdout == b""


def test_an_image_with_another_agent_is_told_and_bots_run_all_the_same(
    docker_stack: Stack, tmp_path: Path
) -> None:
    """The agent is that of the image; what it says of itself is what differs."""
    images = {name: docker_engine.image_labelled(f"durabot.agent={name}") for name in (digest(), "0123abcd")}
    found = {
        name: next(
            check
            for check in replace(
                docker_stack, settings={**docker_stack.settings, "DURABOT_DOCKER_IMAGE": image}
            ).json("doctor")
            if check["name"] == "image's agent"
        )
        for name, image in images.items()
    }
    assert found[digest()]["result"] == "ok"
    assert found["0123abcd"]["result"] == "warn"
    assert "0123abcd" in found["0123abcd"]["found"]
    assert "make image" in found["0123abcd"]["fix"]
    own = Stack(tmp_path / "stack", {**docker_stack_settings(), "DURABOT_DOCKER_IMAGE": images["0123abcd"]})
    own.up()
    try:
        until(lambda: "has another agent (0123abcd)" in own.log("worker"), what="the worker's warning")
        write_bot(tmp_path / "bot", "older", BOT)
        assert own.json("deploy", str(tmp_path / "bot"))["message"].startswith("Running")
        own.run("delete", "older", "--yes")
    finally:
        give_up(own)


def test_a_worker_that_is_killed_restarts_no_bot(docker_stack: Stack, tmp_path: Path) -> None:
    stack = docker_stack
    write_bot(tmp_path / "bot", "steady", BOT)
    stack.run("deploy", str(tmp_path / "bot"))
    until(lambda: "started 1" in stack.run("logs", "steady", check=False).stdout, what="its first line")
    first = container(stack, "steady")
    killed = stack.kill("worker")
    until(lambda: (found := stack.process("worker")) is not None and found.pid != killed, what="a new worker")
    until(lambda: stack.log("worker").count("is ready") == 2, what="that it works")
    assert container(stack, "steady") == first
    assert stack.json("stop", "steady")["status"]["last_exit"]["final_sync"] == "ok"
    stack.run("delete", "steady", "--yes")


def test_a_bot_over_its_memory_ends_and_says_so(docker_stack: Stack, tmp_path: Path) -> None:
    stack = docker_stack
    write_bot(tmp_path / "bot", "eater", EATER, kind="scheduled", schedule="0 0 1 1 *", memory_limit="64Mi")
    assert "not enforced" not in stack.run("deploy", str(tmp_path / "bot")).stderr
    stack.run("run", "eater", check=False)
    until(lambda: "memory" in json.dumps(stack.json("runs", "eater")), what="the reason of its end")
    stack.run("delete", "eater", "--yes")
