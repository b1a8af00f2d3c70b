"""Dependencies of bots from real registries, installed for where the bots run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import docker_engine
from tests.support.bots import write_bot
from tests.support.conditions import until
from tests.support.stack import Stack
from worker.backend import docker_backend

# Nothing but a library of compiled code: it loads in the Python that it was built for, and in no other.
NATIVE = "ujson==6.1.0"
PYTHON = """
import sys, ujson
def main(bot_id, config):
    print("loaded", ujson.dumps({"a": 1}), ujson.__file__, flush=True)
"""
# It needs another package in its turn.
NODE = """
const odd = require("is-odd");
exports.main = async () => { console.log("loaded", odd(3)); };
"""
BY_HAND = {"kind": "scheduled", "schedule": "0 0 1 1 *"}


def on_engine(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", "-H", docker_engine.HOST, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def builds(stack: Stack) -> list[str]:
    label = f"durabot.build={docker_backend(stack.worker_settings()).installation}"
    return on_engine("ps", "-aq", f"--filter=label={label}").split()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without one there is nothing to install from."""
    target = tmp_path_factory.mktemp("index")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(target), NATIVE]
    if subprocess.run(command, capture_output=True, timeout=300).returncode:
        pytest.skip(f"no package index that has {NATIVE} is reached from here")


def python_bot(directory: Path, name: str, requirements: str = NATIVE) -> Path:
    write_bot(directory, name, PYTHON, **BY_HAND)
    (directory / "requirements.txt").write_text(f"{requirements}\n")
    return directory


def node_bot(directory: Path, name: str) -> Path:
    write_bot(directory, name, NODE, runtime="nodejs20", **BY_HAND)
    (directory / "package.json").write_text(json.dumps({"name": name, "dependencies": {"is-odd": "3.0.1"}}))
    return directory


def prints(stack: Stack, name: str, text: str) -> None:
    stack.run("run", name)
    until(lambda: text in stack.run("logs", name, check=False).stdout, 120, text)
    stack.run("delete", name, "--yes")


def test_a_native_wheel_is_installed_in_the_image_and_loads_in_the_container(
    docker_stack: Stack, tmp_path: Path, index: None
) -> None:
    stack = docker_stack
    told = stack.run("deploy", str(python_bot(tmp_path / "bot", "native"))).stdout
    assert f"installing in {docker_engine.BASE}" in told
    assert "Successfully installed ujson" in told
    assert builds(stack) == []
    prints(stack, "native", '{"a":1} /bot/vendor/ujson')
    again = stack.run("deploy", str(python_bot(tmp_path / "again", "native-again"))).stdout
    assert "dependencies are unchanged" in again
    assert "installing" not in again
    stack.run("delete", "native-again", "--yes")


def test_packages_of_npm_are_installed_in_the_image(docker_stack: Stack, tmp_path: Path, index: None) -> None:
    told = docker_stack.run("deploy", str(node_bot(tmp_path / "bot", "packages"))).stdout
    assert f"installing in {docker_engine.BASE}" in told
    assert builds(docker_stack) == []
    prints(docker_stack, "packages", "loaded true")


def test_what_cannot_be_installed_changes_nothing_and_leaves_nothing(
    docker_stack: Stack, tmp_path: Path
) -> None:
    directory = python_bot(tmp_path / "bot", "impossible", "no-such-package-anywhere==1")
    done = docker_stack.run("deploy", str(directory), check=False)
    assert done.returncode == 1
    assert "no-such-package-anywhere" in done.stderr
    assert "nothing was changed" in done.stderr
    assert builds(docker_stack) == []
    assert "impossible" not in docker_stack.run("list").stdout


def test_ctrl_c_ends_the_installation(docker_stack: Stack, tmp_path: Path) -> None:
    directory = python_bot(tmp_path / "bot", "endless", "./slow")
    (directory / "slow").mkdir()
    # Its build waits for ever, without anything from outside.
    (directory / "slow/pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "slow"\nversion = "1"\n'
    )
    (directory / "slow/backend.py").write_text("import time\ntime.sleep(3600)\n")
    deploying = subprocess.Popen(
        [sys.executable, "-m", "worker", "deploy", str(directory)],
        env=docker_stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        until(lambda: builds(docker_stack) or deploying.poll() is not None, 120, "its container")
        [name] = builds(docker_stack)
        until(lambda: "_in_process" in on_engine("top", name), 120, "the build of the package")
        shown = on_engine("inspect", name)
        deploying.send_signal(signal.SIGINT)
        assert deploying.wait(timeout=60) == 130, deploying.stdout and deploying.stdout.read()
    finally:
        deploying.send_signal(signal.SIGINT)
        until(lambda: deploying.poll() is not None, 60, "its end")
        deploying.communicate()
    assert builds(docker_stack) == []
    [inspected] = json.loads(shown)
    host = inspected["HostConfig"]
    assert inspected["Config"]["User"] == "1000:1000"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Memory"]) == (True, ["ALL"], 2048 << 20)
    assert not any(item.startswith("PIP_") for item in inspected["Config"]["Env"])
    assert "endless" not in docker_stack.run("list").stdout


def test_a_bot_in_an_image_of_its_own(docker_stack: Stack, tmp_path: Path) -> None:
    stack, image = docker_stack, docker_engine.image_labelled("durabot.test=own-image")
    write_bot(tmp_path / "bot", "own-image", "import time\ndef main(b, c):\n    time.sleep(3600)\n")
    stack.run("deploy", str(tmp_path / "bot"), "--runtime-image", image)
    assert stack.json("status", "own-image")["spec"]["image"] == image
    [container] = on_engine("ps", "-q", "--filter=label=durabot.bot_id=own-image").split()
    assert on_engine("inspect", "--format={{.Config.Image}}", container) == image
    refused = stack.run(
        "deploy", str(tmp_path / "bot"), "--runtime-image", "no.such.registry/x:1", check=False
    )
    assert refused.returncode == 1
    assert "no.such.registry/x:1" in refused.stderr
    # Neither changed nor stopped.
    assert stack.json("status", "own-image")["spec"]["image"] == image
    assert on_engine("ps", "-q", "--filter=label=durabot.bot_id=own-image").split() == [container]
    stack.run("delete", "own-image", "--yes")


def test_processes_of_this_host_get_what_its_own_tools_install(
    stack: Stack, tmp_path: Path, index: None
) -> None:
    stack.run("deploy", str(python_bot(tmp_path / "python", "host-python")))
    prints(stack, "host-python", 'loaded {"a":1}')
    done = stack.run("deploy", str(node_bot(tmp_path / "node", "host-node")))
    if "there is no npm here" in done.stdout:
        stack.run("delete", "host-node", "--yes")
        pytest.skip("there is no npm on this machine")
    prints(stack, "host-node", "loaded true")
