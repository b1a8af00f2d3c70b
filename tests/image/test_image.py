"""The universal image on a real engine, hardened: its runtimes, its agent, and bots with their state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from agent.contract import RUNTIMES
from agent.sources import digest
from agent.version import VERSION
from tests.conformance.bot_build import Unavailable
from tests.conformance.bot_programs import PROGRAMS, files_of
from tests.support import image_run
from tests.support.agent_run import code_zip
from tests.support.conditions import until
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

# The servers of a test listen on this machine's loopback alone.
NETWORK = "host"
STAYS = """
import os, pathlib, signal, sys, time
def end(number, frame):
    pathlib.Path(os.environ["STATE_DIR"], "runs").write_text("41")
    sys.exit(0)
def main(bot_id, config):
    signal.signal(signal.SIGTERM, end)
    print("hello", flush=True)
    while True:
        time.sleep(0.05)
"""


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """Without it nothing here can run."""
    if reason := image_run.missing():
        pytest.skip(reason)


@pytest.fixture
def container() -> Iterator[str]:
    """The name of a container that is removed at the end."""
    name = f"durabot-test-{uuid4().hex[:12]}"
    yield name
    image_run.remove(name)


def deploy(s3: S3Server, bot_id: str, files: dict[str, str | bytes]) -> None:
    store = s3.store()
    store.put("custom-bots", f"{bot_id}/code.zip", code_zip(files))
    store.close()


def variables(
    s3: S3Server, bot_id: str, runtime: str, *steps: str, kind: str = "scheduled"
) -> dict[str, str]:
    return {
        "BOT_CONFIG": json.dumps({"steps": "\n".join(steps)}, separators=(",", ":")),
        "BOT_ID": bot_id,
        "RUNTIME": runtime,
        "ENTRYPOINT": PROGRAMS[runtime].entrypoint,
        "CODE_FILE": f"{bot_id}/code.zip",
        "BOT_TYPE": kind,
        "MINIO_ENDPOINT": s3.endpoint,
        "MINIO_ACCESS_KEY": ACCESS_KEY,
        "MINIO_SECRET_KEY": SECRET_KEY,
    }


def printed(s3: S3Server, bot_id: str) -> list[str]:
    """The bot's own lines of all its runs, from the log in the store."""
    store = s3.store()
    try:
        keys = sorted(store.list("bot-logs", f"{bot_id}/"))
        records = [json.loads(line) for key in keys for line in store.get("bot-logs", key).splitlines()]
    finally:
        store.close()
    return [record["message"] for record in records if record.get("source") != "durabot"]


def test_the_image_runs_as_an_ordinary_user_who_can_write_only_where_the_contract_says() -> None:
    script = """
        id -u; id -g; pwd; grep CapEff /proc/self/status | tr -d '[:space:]'; echo
        for place in /bot /state /query /tmp /var/the0 /var/the0/logs / /app /usr /etc; do
            mkdir -p "$place" 2>/dev/null; touch "$place/x" 2>/dev/null && echo "$place"
        done
        find / -xdev -perm /6000 -type f 2>/dev/null
    """
    ended = image_run.run("sh", "-c", script)
    places = ["/bot", "/state", "/query", "/tmp", "/var/the0", "/var/the0/logs"]
    assert ended.out.split() == ["1000", "1000", "/bot", "CapEff:0000000000000000", *places]


@pytest.mark.parametrize(
    ("command", "version"),
    [
        (("python3.11", "-c", "import sys, ssl, sqlite3, ctypes; print(sys.version)"), "3.11."),
        (("python3", "--version"), "Python 3.11."),
        (("node", "--print", "process.version"), "v20."),
        (("java", "--version"), "openjdk 21."),
        (("dotnet", "--list-runtimes"), "Microsoft.NETCore.App 8."),
    ],
)
def test_each_interpreter_is_of_the_contract_s_version(command: tuple[str, ...], version: str) -> None:
    ended = image_run.run(*command)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(version)


def test_certificates_and_time_zones_are_there() -> None:
    code = """
import ssl, zoneinfo
print(len(ssl.create_default_context().get_ca_certs()) > 50)
print(zoneinfo.ZoneInfo("Europe/Zurich"), zoneinfo.ZoneInfo("US/Eastern"))
"""
    ended = image_run.run("python3.11", "-c", code)
    assert ended.out.splitlines() == ["True", "Europe/Zurich US/Eastern"], ended.err


def test_the_agent_tells_its_version() -> None:
    ended = image_run.run("/app/runtime", "version")
    assert (ended.code, ended.out, ended.err) == (0, f"{VERSION}\n", "")


def test_the_image_is_labelled_with_the_digest_of_its_agent() -> None:
    assert image_run.label("durabot.agent") == digest()


def test_the_image_s_own_command_without_its_variables_ends_with_one_line_that_names_one() -> None:
    ended = image_run.run()
    assert ended.code == 1
    assert ended.out == ""
    [line] = ended.err.splitlines()
    assert json.loads(line)["message"] == "RUNTIME is not set"


def test_there_is_a_bot_for_each_runtime_of_the_contract() -> None:
    assert set(PROGRAMS) == RUNTIMES - {"cpp-gcc13"}


@pytest.mark.parametrize("runtime", sorted(PROGRAMS))
def test_a_bot_goes_on_with_the_state_that_its_last_container_saved(
    s3_server: S3Server, runtime: str
) -> None:
    try:
        files = files_of(PROGRAMS[runtime]).result()
    except Unavailable as reason:
        pytest.skip(str(reason))
    bot_id = f"image-{runtime}-{uuid4().hex[:8]}"
    deploy(s3_server, bot_id, files)
    environment = variables(s3_server, bot_id, runtime, "get mark", "put mark one")
    for _ in range(2):
        # The state is on a tmpfs, so the second container has it from the store or not at all.
        ended = image_run.run(environment=environment, network=NETWORK)
        assert ended.code == 0, ended.err + "\n".join(printed(s3_server, bot_id))
    assert printed(s3_server, bot_id) == ["get mark absent", "get mark one"]


def test_dotnet_knows_the_cultures(s3_server: S3Server) -> None:
    try:
        files = dict(files_of(PROGRAMS["dotnet8"]).result())
    except Unavailable as reason:
        pytest.skip(str(reason))
    known = json.loads(files["bot.runtimeconfig.json"])
    del known["runtimeOptions"]["configProperties"]
    files["bot.runtimeconfig.json"] = json.dumps(known)
    bot_id = f"image-culture-{uuid4().hex[:8]}"
    deploy(s3_server, bot_id, files)
    environment = variables(s3_server, bot_id, "dotnet8", "culture de-DE")
    ended = image_run.run(environment=environment, network=NETWORK)
    assert ended.code == 0, ended.err
    assert printed(s3_server, bot_id) == ["culture 1.234,5"]


def test_docker_stop_reaches_the_bot_and_saves_what_it_writes_last(
    s3_server: S3Server, container: str
) -> None:
    bot_id = f"image-stop-{uuid4().hex[:8]}"
    deploy(s3_server, bot_id, {"main.py": STAYS})
    image_run.start(container, variables(s3_server, bot_id, "python3.11", kind="realtime"), NETWORK)
    until(lambda: "hello" in image_run.read(container, "/var/the0/logs/bot.log"), what="the bot's hello")
    assert image_run.stop(container) == 0
    deploy(s3_server, bot_id, files_of(PROGRAMS["python3.11"]).result())
    environment = variables(s3_server, bot_id, "python3.11", "get runs")
    ended = image_run.run(environment=environment, network=NETWORK)
    assert ended.code == 0, ended.err
    assert printed(s3_server, bot_id) == ["hello", "get runs 41"]
