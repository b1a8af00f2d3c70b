"""Runs that end badly say how; configurations and queries at their limits arrive whole or are refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.abuse.conftest import Cli
from tests.support.bots import write_bot
from tests.support.stack import Stack

Told = Callable[..., Any]

# What main does, and what the run's reason and the log have to say.
ENDS = {
    "raises": ("raise ValueError('out of ideas')", "exited with code 1", "ValueError: out of ideas"),
    "exits": ("print('bye', flush=True); sys.exit(3)", "exited with code 3", "bye"),
    "exits-in-words": ("sys.exit('no more money')", "exited with code 1", "no more money"),
    "exits-hard": ("print('bye', flush=True); os._exit(7)", "exited with code 7", "bye"),
    "kills-itself": ("print('bye', flush=True); os.kill(os.getpid(), 9)", "ended by signal 9", "bye"),
    "aborts": ("print('bye', flush=True); os.abort()", "ended by signal 6", "bye"),
    "recurses": ("main(bot_id, config)", "exited with code 1", "RecursionError"),
    "bad-import": ("import broken", "exited with code 1", "SyntaxError"),
    "closes-its-output": ("print('bye', flush=True); os.close(1); os.close(2); sys.exit(4)", "code 4", "bye"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_ends_badly_is_a_failed_run_that_says_how(
    cli: Cli, told: Told, tmp_path: Path, end: str
) -> None:
    statement, reason, printed = ENDS[end]
    source = f"import os, sys\ndef main(bot_id, config):\n    {statement}\n"
    write_bot(tmp_path / "bot", end, source, kind="scheduled", schedule="@yearly")
    (tmp_path / "bot/broken.py").write_text("def (:\n")
    told("deploy", str(tmp_path / "bot"))
    run = cli("run", end, "--wait", "--json")
    assert run.exit_code == 1
    row = json.loads(run.stdout)
    assert row["result"] == "failed"
    assert reason in row["reason"]
    assert any(printed in line for line in told("logs", end, "--stored"))
    assert reason in cli("status", end).stdout.replace("\n", " ")
    told("delete", end, "--yes")


def test_a_bot_without_main_is_warned_of_and_fails_by_name(cli: Cli, told: Told, tmp_path: Path) -> None:
    source = "def run(bot_id, config):\n    pass\n"
    write_bot(tmp_path / "bot", "mainless", source, kind="scheduled", schedule="@yearly")
    deployed = told("deploy", str(tmp_path / "bot"))
    assert any("main.py: has no function main" in warning for warning in deployed["warnings"])
    assert cli("run", "mainless", "--wait").exit_code == 1
    assert any(
        "has no function main(bot_id, config)" in line for line in told("logs", "mainless", "--stored")
    )
    told("delete", "mainless", "--yes")


def test_a_missing_interpreter_is_named(cli: Cli, told: Told, tmp_path: Path) -> None:
    if shutil.which("dotnet"):
        pytest.skip("dotnet is installed here, so no interpreter is missing")
    directory = write_bot(
        tmp_path / "bot", "sharp", "", kind="scheduled", runtime="dotnet8", schedule="@yearly"
    )
    (directory / "bot").rename(directory / "bot.dll")
    told("deploy", str(directory))
    row = json.loads(cli("run", "sharp", "--wait", "--json").stdout)
    assert row["result"] == "failed"
    assert "RUNTIME dotnet8 needs dotnet, which is not installed here" in row["reason"]
    told("delete", "sharp", "--yes")


ECHO = """
    import hashlib, json, os
    def main(bot_id, config):
        text = config["text"]
        print(hashlib.sha256(text.encode()).hexdigest(), len(text), config["emoji"], flush=True)
"""

QUERY = """
    import json, os, sys
    params = json.loads(os.environ["QUERY_PARAMS"])
    if os.environ["QUERY_PATH"] == "/size":
        data = "x" * int(params["size"])
    else:
        alone = {name[12:]: value for name, value in os.environ.items() if name.startswith("QUERY_PARAM_")}
        data = {"path": os.environ["QUERY_PATH"], "params": params, "alone": alone}
    path = os.environ.get("DURABOT_QUERY_DIR", "/query") + "/result.json"
    with open(path, "w") as file:
        json.dump({"status": "ok", "data": data}, file)
"""


@pytest.fixture(scope="module")
def echo(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scheduled bot with a large configuration and queries; its name."""
    write_bot(
        tmp_path_factory.mktemp("echo") / "bot",
        "echo",
        textwrap.dedent(ECHO),
        kind="scheduled",
        schedule="* * * * * *",
        enabled=False,
        query=textwrap.dedent(QUERY),
        text="0123456789" * 10_000,
        emoji="\u00e4\u20ac\U0001f600\u2028",
    )
    stack.run("deploy", str(next(tmp_path_factory.getbasetemp().glob("echo*/bot"))))
    return "echo"


def test_a_large_configuration_in_any_script_arrives_whole(told: Told, echo: str) -> None:
    told("run", echo, "--wait")
    digest = hashlib.sha256(b"0123456789" * 10_000).hexdigest()
    assert any(
        f"{digest} 100000 \u00e4\u20ac\U0001f600\u2028" in line for line in told("logs", echo, "--stored")
    )


def test_odd_parameters_reach_a_query_as_they_are(told: Told, echo: str) -> None:
    odd = ["a b=c d", "n=null", 'deep={"x": [1, 2.5, true]}', "empty=", "q=a=b&c", "\u00e4=\U0001f600"]
    answer = told("query", echo, "odd path/\u00e4?x=1#y", *odd, "nan=NaN", "huge=1e999", 'zero="a\\u0000b"')
    assert answer["path"] == "/odd path/\u00e4?x=1#y"
    assert answer["params"] == {
        "a b": "c d",
        "n": None,
        "deep": {"x": [1, 2.5, True]},
        "empty": "",
        "q": "a=b&c",
        "\u00e4": "\U0001f600",
        "nan": "NaN",
        "huge": "1e999",
        "zero": "a\0b",
    }
    # No variable can hold a zero byte.
    assert "zero" not in answer["alone"]
    assert answer["alone"]["\u00e4"] == "\U0001f600"


def test_large_results_arrive_and_those_without_end_are_refused(cli: Cli, told: Told, echo: str) -> None:
    assert len(told("query", echo, "/size", "size=400000")) == 400_000
    refused = cli("query", echo, "/size", "size=40000000", "--json")
    assert refused.exit_code == 1
    assert "larger than 33554432 bytes" in json.loads(refused.stderr)["error"]


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["/x", "novalue"], "'novalue' is not key=value"),
        (["/x", "=novalue"], "is not key=value"),
        (["//elsewhere/x"], "names a host"),
        (["/x\r\nHost: y"], "control characters"),
        (["/x", "text=" + "y" * 125_000], "bytes of parameters"),
    ],
)
def test_queries_that_nobody_can_answer_are_refused(
    cli: Cli, echo: str, arguments: list[str], needle: str
) -> None:
    done = cli("query", echo, *arguments, "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert needle in json.loads(done.stderr)["error"]


UNKNOWN = [
    ["status"],
    ["start"],
    ["stop"],
    ["restart"],
    ["run"],
    ["runs"],
    ["logs"],
    ["logs", "--stored"],
    ["query", "/x"],
    ["schedule", "pause"],
    ["schedule", "resume"],
    ["schedule", "next"],
    ["schedule", "backfill", "--from", "2026-01-01", "--to", "2026-01-02"],
    ["state", "log"],
    ["state", "rollback", "1"],
    ["state", "export", "nowhere"],
    ["delete", "--yes"],
]


@pytest.mark.parametrize("bot", ["nobody", "", "it's", "../x", "a/b", "a\nb", "\u00e4", "x" * 3000])
def test_an_unknown_bot_is_told_by_every_command(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bot: str
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = []
    for command in UNKNOWN:
        group = 2 if command[0] in ("schedule", "state") else 1
        done = cli(*command[:group], bot, *command[group:], "--json")
        try:
            told = json.loads(done.stderr)
        except ValueError:
            told = {"error": done.stderr or repr(done.exception), "code": "", "next": ""}
        good = done.exit_code == 1 and not done.stdout and told["code"] == "not_found" and told["next"]
        if not good or "there is no" not in told["error"] or len(told["error"]) > 200:
            failed.append(f"{command}: {done.exit_code} {str(told)[:300]}")
    assert not failed, "\n".join(failed)
    assert not list(tmp_path.iterdir())
