"""Bots of the published SDKs, unmodified, in each version that people use, on each backend.

Those of PyPI and crates.io. Looked for and not found: Node.js (npm), Scala (Maven Central). NuGet and Hackage
were not reached where this was written, so what they have for .NET and Haskell is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.asking import Asked, ask
from tests.support.conditions import until
from tests.support.sdk_bots import SDK_BOTS
from tests.support.stack import Stack

VERSIONS = ("0.3.1", "0.4.0")


@pytest.fixture(params=["process", "docker"])
def place(request: pytest.FixtureRequest) -> Stack:
    """A stack of each backend."""
    found = request.getfixturevalue({"process": "stack", "docker": "docker_stack"}[request.param])
    assert isinstance(found, Stack)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sdk", sorted(SDK_BOTS))
def test_a_bot_of_a_published_sdk_runs_and_answers(
    place: Stack, tmp_path: Path, sdk: str, version: str
) -> None:
    bot = SDK_BOTS[sdk]
    if reason := bot.lacks():
        pytest.skip(reason)
    name = f"sdk-{sdk}-{version.replace('.', '')}"
    bot.write(tmp_path / "bot", name, version, level=3, symbol="BTC/Ж")

    def records() -> list[dict[str, object]]:
        lines = place.run("logs", name, check=False).stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    place.run("deploy", str(tmp_path / "bot"))
    until(lambda: [each for each in records() if each.get("_metric")], what="its metric")
    [metric] = [each for each in records() if each.get("_metric")]
    assert (metric["_metric"], metric["value"]) == ("price", 45000.5)
    [told] = [each for each in records() if each.get("message") == "starts 1"]
    assert (told["level"], told["symbol"]) == ("info", "BTC/Ж")

    def asked(path: str) -> Asked:
        return ask(place.gateway, name, path, limit=5)

    until(lambda: asked("/value").status == 200, what="its query server")
    assert asked("/value").data == {"word": "alive", "limit": bot.limit[version], "config": 3}
    assert "No handler for path: /nowhere" in asked("/nowhere").error
    stopped = place.json("stop", name)["status"]["last_exit"]
    assert stopped["final_sync"] == "ok"
    assert "RESULT_ERROR" not in place.run("logs", name).stdout

    # Of what it saved, by a query in a container of its own, which can write none of it.
    saved = asked("/value")
    assert saved.status == 200, saved.error
    assert (saved.data["word"], saved.data["config"], str(saved.data["limit"])) == (bot.last_word, 3, "5")
    assert "No handler for path: /nowhere" in asked("/nowhere").error
    assert asked("/write").status == 500
    assert asked("/value").data["word"] == bot.last_word
    if sdk == "python":
        assert asked("/fail") == Asked(status=500, error="no such symbol")
    place.run("start", name)
    until(lambda: [each for each in records() if each.get("message") == "starts 2"], what="its second start")
    place.run("delete", name, "--yes")
