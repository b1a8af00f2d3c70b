"""Where entrypoints and interpreters are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import contract, runtimes
from agent.errors import ConfigurationError
from agent.runtimes import InterpreterMissing


def read(code: Path, **more: str) -> contract.Contract:
    return contract.read({"BOT_ID": "b", "CODE_PATH": str(code), **more})


def command(found: contract.Contract, search: Path, *, query: bool = False) -> list[str]:
    return runtimes.command(found, query=query, wrappers=Path("/w"), query_dir="/query", search=str(search))


def test_an_interpreter_is_looked_for_in_the_bots_path_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "main.js").touch()
    bot = read(tmp_path, RUNTIME="nodejs20", ENTRYPOINT="main.js")
    with pytest.raises(InterpreterMissing, match="needs node"):
        command(bot, tmp_path)
    (tmp_path / "node").touch(mode=0o755)
    assert command(bot, tmp_path) == [str(tmp_path / "node"), "/w/node_bot.js"]
    assert command(bot, tmp_path, query=True) == [str(tmp_path / "node"), "main.js"]


def test_a_scala_entrypoint_may_name_its_class(tmp_path: Path) -> None:
    (tmp_path / "java").touch(mode=0o755)
    (tmp_path / "x.jar").touch()
    java = str(tmp_path / "java")
    alone = read(tmp_path, RUNTIME="scala3", ENTRYPOINT="x.jar")
    assert command(alone, tmp_path) == [java, "-jar", "x.jar"]
    named = read(tmp_path, RUNTIME="scala3", ENTRYPOINT="x.jar:pkg.Main")
    assert command(named, tmp_path) == [java, "-cp", "x.jar", "pkg.Main"]


def test_a_dotnet_entrypoint_is_a_dll(tmp_path: Path) -> None:
    (tmp_path / "dotnet").touch(mode=0o755)
    (tmp_path / "bot.dll").touch()
    for name in ("bot", "bot.dll"):
        found = read(tmp_path, RUNTIME="dotnet8", ENTRYPOINT=name)
        assert command(found, tmp_path) == [str(tmp_path / "dotnet"), "bot.dll"]


@pytest.mark.parametrize("runtime", ["rust-stable", "gcc13", "cpp-gcc13", "ghc96"])
def test_a_compiled_entrypoint_becomes_executable(tmp_path: Path, runtime: str) -> None:
    (tmp_path / "bot").touch(mode=0o600)
    assert command(read(tmp_path, RUNTIME=runtime, ENTRYPOINT="bot"), tmp_path) == [str(tmp_path / "bot")]
    assert (tmp_path / "bot").stat().st_mode & 0o777 == 0o755


def test_an_entrypoint_that_is_a_link_to_outside_is_refused_and_not_touched(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(mode=0o600)
    code = tmp_path / "code"
    code.mkdir()
    (code / "bot").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="link to outside"):
        command(read(code, RUNTIME="gcc13", ENTRYPOINT="bot"), tmp_path)
    assert outside.stat().st_mode & 0o777 == 0o600
