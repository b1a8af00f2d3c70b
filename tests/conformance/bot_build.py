"""Compiles the bots, each once: what was built is kept by the content of its sources and its compiler."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.toolchains import CACHE

SOURCES = Path(__file__).parent / "bots"
INSTALL = "make toolchains (as root) installs it"
COMPILE_S = 600
Files = dict[str, str | bytes]
Command = Sequence[str]


class Unavailable(Exception):
    """Why a bot cannot be made or run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``commands`` get the directory to build in, where the sources are; what they leave under the names of
    ``products`` is the bot. ``version`` is a command whose output tells one compiler from another."""

    runtime: str
    version: Command
    commands: Callable[[], Sequence[Command]]
    products: tuple[str, ...]
    missing: Callable[[], str] = lambda: ""


def source_files(runtime: str) -> Files:
    """Of interpreted languages: they are the bot."""
    return {path.name: path.read_bytes() for path in sorted((SOURCES / runtime).iterdir())}


def build(recipe: Recipe) -> Files:
    """From the cache where it is there; ``Unavailable`` where the compiler is missing."""
    tool = shutil.which(recipe.version[0])
    if tool is None:
        raise Unavailable(f"no {recipe.version[0]} compiles the {recipe.runtime} bot here: {INSTALL}")
    if reason := recipe.missing() or _broken(recipe.version):
        raise Unavailable(reason)
    sources = source_files(recipe.runtime)
    kept = CACHE / "bots" / f"{recipe.runtime}-{_fingerprint(recipe, sources)}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as scratch:
            built = _compile(recipe, sources, Path(scratch))
            try:
                built.rename(kept)
            except OSError:
                # Another process was faster; what it built is the same.
                assert kept.is_dir(), kept
    return {name: (kept / name).read_bytes() for name in recipe.products}


def _broken(version: Command) -> str:
    """A shim of a toolchain that was never installed is there, and fails; empty for one that works."""
    done = subprocess.run(version, capture_output=True, text=True, timeout=COMPILE_S)
    if done.returncode == 0:
        return ""
    reason = done.stderr.strip() or f"exit code {done.returncode}"
    return f"{version[0]} does not work here: {reason.splitlines()[0]}"


def _fingerprint(recipe: Recipe, sources: Files) -> str:
    version = subprocess.run(recipe.version, capture_output=True, timeout=COMPILE_S).stdout
    content = hashlib.sha256(version)
    for part in (recipe.commands(), recipe.products, sorted(sources.items())):
        content.update(repr(part).encode())
    return content.hexdigest()[:16]


def _compile(recipe: Recipe, sources: Files, scratch: Path) -> Path:
    work, built = scratch / "work", scratch / "built"
    work.mkdir()
    built.mkdir()
    for name, data in sources.items():
        assert isinstance(data, bytes)
        (work / name).write_bytes(data)
    for command in recipe.commands():
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=COMPILE_S)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    for name in recipe.products:
        (work / name).rename(built / name)
    return built
