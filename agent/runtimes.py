"""How each runtime's bot and query are started: the table of the contract's section 1.3."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from agent.code import resolves_inside
from agent.contract import Contract
from agent.errors import ConfigurationError

# Their queries' results are led to where a host without a sandbox has a place for them.
REDIRECTED = frozenset({"python3.11", "nodejs20"})


class InterpreterMissing(ConfigurationError):
    """The runtime's interpreter is not on this machine."""

    code = "config"
    exit_code = 127


def command(contract: Contract, *, query: bool, wrappers: Path, query_dir: str, search: str) -> list[str]:
    """The argument vector; ``ConfigurationError`` when the entrypoint or the interpreter is missing.

    ``search`` is the PATH that the bot will have: an interpreter is looked for there.
    """
    entry = (contract.query_entrypoint or contract.entrypoint) if query else contract.entrypoint
    if contract.runtime == "python3.11":
        _require_file(contract, entry)
        if not query:
            return [python(search), str(wrappers / "python_bot.py")]
        redirected = [str(wrappers / "python_query.py")] if query_dir != "/query" else []
        return [python(search), *redirected, entry]
    if contract.runtime == "nodejs20":
        _require_file(contract, entry)
        node = _interpreter("node", contract, search)
        if not query:
            return [node, str(wrappers / "node_bot.js")]
        redirected = ["--require", str(wrappers / "node_query.js")] if query_dir != "/query" else []
        return [node, *redirected, entry]
    if contract.runtime == "dotnet8":
        entry = entry if entry.endswith(".dll") else f"{entry}.dll"
        _require_file(contract, entry)
        return [_interpreter("dotnet", contract, search), entry]
    if contract.runtime == "scala3":
        jar, _, main = entry.rpartition(":")
        _require_file(contract, jar or entry)
        java = _interpreter("java", contract, search)
        return [java, "-cp", jar, main] if jar else [java, "-jar", entry]
    path = _require_file(contract, entry)
    path.chmod(0o755)
    return [str(path)]


def python(search: str) -> str:
    """The agent's own interpreter where it is the right one: a version manager's shim is slow to start."""
    if sys.version_info[:2] == (3, 11) and sys.executable:
        return sys.executable
    return shutil.which("python3.11", path=search) or shutil.which("python3", path=search) or sys.executable


def write_wrappers(directory: Path) -> None:
    """Out of the agent's one file, for interpreters that want files of their own."""
    directory.mkdir(parents=True, exist_ok=True)
    import agent.wrappers

    loader = agent.wrappers.__loader__
    folder = os.path.dirname(agent.wrappers.__file__)  # noqa: PTH120 - inside a zip it is no real path
    for name in ("python_bot.py", "python_query.py", "node_bot.js", "node_query.js"):
        data = loader.get_data(f"{folder}/{name}")  # type: ignore[union-attr]  # zipimport and files both have it
        (directory / name).write_bytes(data)


def _interpreter(name: str, contract: Contract, search: str) -> str:
    found = shutil.which(name, path=search)
    if not found:
        raise InterpreterMissing(f"RUNTIME {contract.runtime} needs {name}, which is not installed here")
    return found


def _require_file(contract: Contract, entry: str) -> Path:
    path = Path(contract.code_path) / entry
    if not path.is_file():
        raise ConfigurationError(f"the entrypoint {entry} is not in the bot's code")
    if not resolves_inside(path, Path(contract.code_path)):
        raise ConfigurationError(f"the entrypoint {entry} is a link to outside of the bot's code")
    return path
