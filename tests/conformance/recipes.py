"""How the bot of each compiled language is made from its sources."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence

from tests.conformance.bot_build import INSTALL, SOURCES, Command, Recipe
from tests.support.toolchains import TOOLCHAINS

# Invariant: hosts have the library of cultures or not, and the bot uses none.
RUNTIME_CONFIG = {
    "runtimeOptions": {
        "tfm": "net8.0",
        "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
        "configProperties": {"System.Globalization.Invariant": True},
    }
}
# The compiler's archives and the bot's classes into one, as assembly plugins of build tools do.
MERGE = """
import sys, zipfile
target, main, *parts = sys.argv[1:]
seen = {"META-INF/MANIFEST.MF"}
with zipfile.ZipFile(target, "w") as whole:
    whole.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\\r\\nMain-Class: {main}\\r\\n")
    for part in map(zipfile.ZipFile, parts):
        for name in part.namelist():
            if name not in seen and name.endswith(".class"):
                seen.add(name)
                whole.writestr(name, part.read(name))
"""


def _twice(*command: str) -> Sequence[Command]:
    """One program that looks at its own name."""
    return [command, ("cp", "bot", "query")]


def _gcc() -> Sequence[Command]:
    return _twice("g++", "-std=c++20", "-O1", "-Wall", "-Wextra", "-o", "bot", "main.cpp")


def _rust() -> Sequence[Command]:
    return _twice("rustc", "--edition", "2021", "-O", "-C", "strip=symbols", "-o", "bot", "main.rs")


def _haskell() -> Sequence[Command]:
    return _twice("ghc", "-v0", "-threaded", "-optl-s", "-o", "bot", "Main.hs")


def _lacks_network() -> str:
    known = subprocess.run(["ghc-pkg", "list", "--simple-output", "network"], capture_output=True, text=True)
    return "" if known.stdout.strip() else f"GHC's package network is not here: {INSTALL}"


def _csharp() -> Sequence[Command]:
    sources = sorted(path.name for path in (SOURCES / "dotnet8").iterdir())
    commands: list[Command] = []
    for name in ("Bot", "Query"):
        product = name.lower()
        commands.append(("mcs", "-sdk:4.5", f"-main:{name}", f"-out:{product}.dll", *sources))
        config = f"open('{product}.runtimeconfig.json', 'w').write({json.dumps(RUNTIME_CONFIG)!r})"
        commands.append((sys.executable, "-c", config))
    return commands


def _scala() -> Sequence[Command]:
    sources = sorted(path.name for path in (SOURCES / "scala3").iterdir())
    libraries = [str(path) for name in ("scala-library", "scala3-library") for path in _jars(name)]
    compile_ = ["java", "-cp", str(TOOLCHAINS / "scala" / "*"), "dotty.tools.dotc.Main"]
    compile_ += ["-classpath", ":".join(libraries), "-d", "classes.jar"]
    merge = [sys.executable, "-c", MERGE, "bot.jar", "conformance.Bot", "classes.jar", *libraries]
    return [[*compile_, *sources], merge]


def _jars(name: str) -> list[str]:
    return sorted(str(path) for path in (TOOLCHAINS / "scala").glob(f"{name}*.jar"))


def _lacks_scala() -> str:
    return "" if _jars("scala3-compiler") else f"Scala's compiler is not here: {INSTALL}"


RECIPES = {
    recipe.runtime: recipe
    for recipe in (
        Recipe(
            runtime="rust-stable", version=("rustc", "--version"), commands=_rust, products=("bot", "query")
        ),
        Recipe(runtime="gcc13", version=("g++", "--version"), commands=_gcc, products=("bot", "query")),
        Recipe(
            runtime="ghc96",
            version=("ghc", "--version"),
            commands=_haskell,
            products=("bot", "query"),
            missing=_lacks_network,
        ),
        Recipe(
            runtime="dotnet8",
            version=("mcs", "--version"),
            commands=_csharp,
            products=("bot.dll", "bot.runtimeconfig.json", "query.dll", "query.runtimeconfig.json"),
        ),
        Recipe(
            runtime="scala3",
            version=("java", "--version"),
            commands=_scala,
            products=("bot.jar",),
            missing=_lacks_scala,
        ),
    )
}


def interpreter_missing(runtime: str) -> str:
    """Why the process backend cannot run this runtime's bots here; empty if it can."""
    name = {"nodejs20": "node", "scala3": "java", "dotnet8": "dotnet"}.get(runtime, "")
    return f"there is no {name} on this machine: {INSTALL}" if name and not shutil.which(name) else ""
