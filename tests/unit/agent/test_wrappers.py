"""The wrappers with real interpreters, in directories of the test's own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WRAPPERS = Path(__file__).parents[3] / "agent" / "wrappers"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed: Node bots cannot be run here")


def run(code: Path, name: str, source: str, config: str = "{}") -> tuple[int, str, str, dict[str, str]]:
    """Exit code, stdout, stderr, result file of one run."""
    code.mkdir(exist_ok=True)
    (code / name).write_text(source)
    if name.endswith(".py"):
        command = [sys.executable, str(WRAPPERS / "python_bot.py")]
    else:
        command = [str(NODE), str(WRAPPERS / "node_bot.js")]
    environment = {
        "BOT_ID": "b-1",
        "BOT_CONFIG": config,
        "CODE_MOUNT_DIR": str(code).lstrip("/"),
        "SCRIPT_PATH": name,
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    result = code / "result.json"
    return (
        done.returncode,
        done.stdout,
        done.stderr,
        json.loads(result.read_text()) if result.exists() else {},
    )


def test_python_main_gets_id_and_config_and_does_not_run_as_main(tmp_path: Path) -> None:
    source = (
        "import sys\n"
        "def main(bot_id, config):\n"
        "    print(bot_id, config['name'], __name__, sys.modules['main'].main is main, sys.path[0])\n"
        "if __name__ == '__main__':\n    raise RuntimeError('must not run')\n"
    )
    exit_code, out, err, result = run(tmp_path, "bot.py", source, json.dumps({"name": "Grüße"}))
    assert (exit_code, err) == (0, "")
    assert out == f"b-1 Grüße main True {tmp_path}\n"
    assert result["status"] == "success"


def test_python_vendor_comes_first(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "dep.py").write_text("VALUE = 'vendored'")
    (tmp_path / "dep.py").write_text("VALUE = 'local'")
    source = "import dep\ndef main(bot_id, config): print(dep.VALUE)"
    assert run(tmp_path, "bot.py", source)[1] == "vendored\n"


@pytest.mark.parametrize(
    ("source", "config", "exit_code", "error"),
    [
        ("def main(b, c): raise ValueError('broken')", "{}", 1, "ValueError: broken"),
        ("import sys\ndef main(b, c): sys.exit(7)", "{}", 7, ""),
        ("async def main(b, c): raise ValueError('later')", "{}", 1, "ValueError: later"),
        ("x = 1", "{}", 1, "has no function main"),
        ("def main(b, c): pass", "[1]", 1, "not a JSON object"),
        ("def main(b, c): pass", "{bad", 1, "JSONDecodeError"),
        ("def main(:", "{}", 1, "SyntaxError"),
    ],
)
def test_python_failures_are_true(
    tmp_path: Path, source: str, config: str, exit_code: int, error: str
) -> None:
    found, _, err, result = run(tmp_path, "bot.py", source, config)
    assert found == exit_code
    assert error in err
    assert result["status"] == "error"


def test_a_result_of_the_bots_own_stays(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    source = f"def main(b, c): open({str(path)!r}, 'w').write('{{\"status\": \"mine\"}}')"
    assert run(tmp_path, "bot.py", source)[3] == {"status": "mine"}


@needs_node
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("bot.js", "exports.main = async (id, c) => console.log(id, c.name)"),
        ("bot.js", "module.exports = (id, c) => console.log(id, c.name)"),
        ("bot.js", "exports.default = (id, c) => console.log(id, c.name)"),
        ("bot.mjs", "export function main(id, c) { console.log(id, c.name) }"),
        ("bot.mjs", "export default async (id, c) => console.log(id, c.name)"),
    ],
)
def test_node_main_in_each_form(tmp_path: Path, name: str, source: str) -> None:
    exit_code, out, err, result = run(tmp_path, name, source, '{"name": "n"}')
    assert (exit_code, out, err, result["status"]) == (0, "b-1 n\n", "", "success")


@needs_node
@pytest.mark.parametrize(
    ("source", "exit_code", "error"),
    [
        ("exports.main = async () => { throw new Error('broken') }", 1, "broken"),
        ("exports.main = () => Promise.reject(new Error('no'))", 1, "no"),
        ("exports.main = () => setTimeout(() => { throw new Error('later') }, 1)", 1, "later"),
        ("exports.main = () => { process.exitCode = 5 }", 5, ""),
        ("exports.other = 1", 1, "exports no function main"),
        (
            "exports.main = async () => { setInterval(Date, 1000); throw new Error('at once') }",
            1,
            "at once",
        ),
        (
            "exports.main = () => { setInterval(Date, 1000); Promise.reject(new Error('lone')) }",
            1,
            "lone",
        ),
        ("exports.main = () => Promise.reject('a text')", 1, "a text"),
    ],
)
def test_node_failures_are_true(tmp_path: Path, source: str, exit_code: int, error: str) -> None:
    found, _, err, result = run(tmp_path, "bot.js", source)
    assert found == exit_code
    assert error in err
    assert result["status"] == "error"


@needs_node
def test_a_node_bots_own_handler_of_exceptions_decides(tmp_path: Path) -> None:
    source = """
process.on("uncaughtException", (error) => console.log("survived", error.message));
exports.main = () => { setTimeout(() => { throw new Error("small") }, 1); setTimeout(() => {}, 50) };
"""
    exit_code, out, _, result = run(tmp_path, "bot.js", source)
    assert (exit_code, out, result["status"]) == (0, "survived small\n", "success")


@needs_node
def test_a_node_bots_error_is_in_its_result(tmp_path: Path) -> None:
    _, _, _, result = run(tmp_path, "bot.js", "exports.main = () => { throw new Error('the reason') }")
    assert result == {"status": "error", "message": "the reason"}
