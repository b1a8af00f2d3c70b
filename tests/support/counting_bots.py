"""One bot per runtime that counts its runs in its state, compiled with what this machine has."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PYTHON = """
import os, pathlib
def main(bot_id, config):
    path = pathlib.Path(os.environ["STATE_DIR"], "runs")
    runs = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(runs))
    print("run", runs)
"""

NODE = """
const fs = require("node:fs");
exports.main = async () => {
  const path = `${process.env.STATE_DIR}/runs`;
  const runs = fs.existsSync(path) ? Number(fs.readFileSync(path, "utf8")) + 1 : 1;
  fs.writeFileSync(path, String(runs));
  console.log("run", runs);
};
"""

CPP = """
#include <cstdlib>
#include <fstream>
#include <iostream>
int main() {
    const std::string path = std::string(std::getenv("STATE_DIR")) + "/runs";
    int runs = 0;
    std::ifstream(path) >> runs;
    std::ofstream(path) << ++runs;
    std::cout << "run " << runs << std::endl;
}
"""

RUST = """
use std::{env, fs};
fn main() {
    let path = format!("{}/runs", env::var("STATE_DIR").unwrap());
    let runs = fs::read_to_string(&path).map_or(0, |text| text.parse::<u32>().unwrap()) + 1;
    fs::write(&path, runs.to_string()).unwrap();
    println!("run {runs}");
}
"""

JAVA = """
import java.nio.file.*;
public class Main {
    public static void main(String[] arguments) throws Exception {
        Path path = Path.of(System.getenv("STATE_DIR"), "runs");
        int runs = Files.exists(path) ? Integer.parseInt(Files.readString(path)) + 1 : 1;
        Files.writeString(path, String.valueOf(runs));
        System.out.println("run " + runs);
    }
}
"""

# The culture is there only where the image has ICU for .NET.
CSHARP = """
using System;
using System.Globalization;
using System.IO;
public static class Program {
    public static void Main() {
        var path = Path.Combine(Environment.GetEnvironmentVariable("STATE_DIR"), "runs");
        var runs = File.Exists(path) ? int.Parse(File.ReadAllText(path)) + 1 : 1;
        File.WriteAllText(path, runs.ToString());
        Console.WriteLine("run " + runs);
        Console.WriteLine((1234.5).ToString("N1", new CultureInfo("de-DE")));
    }
}
"""

HASKELL = """
import System.Directory (doesFileExist)
import System.Environment (getEnv)
main :: IO ()
main = do
  path <- (++ "/runs") <$> getEnv "STATE_DIR"
  there <- doesFileExist path
  before <- if there then read <$> readFile path else return (0 :: Integer)
  let runs = before + 1
  length (show before) `seq` writeFile path (show runs)
  putStrLn ("run " ++ show runs)
"""

RUNTIME_CONFIG = {
    "runtimeOptions": {
        "tfm": "net8.0",
        "framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingBot:
    """``tool`` is the program that has to be on this machine; none is needed where it is empty."""

    entrypoint: str
    source: str
    tool: str = ""
    make: Callable[[Path], None] | None = None

    def files(self, directory: Path) -> dict[str, str | bytes]:
        """What is deployed; ``directory`` is scratch space."""
        if self.make is None:
            return {self.entrypoint: self.source}
        self.make(directory)
        names = [name for name in (self.entrypoint, "bot.runtimeconfig.json") if (directory / name).is_file()]
        return {name: (directory / name).read_bytes() for name in names}


def _run(directory: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def _cpp(directory: Path) -> None:
    (directory / "main.cpp").write_text(CPP)
    _run(directory, "g++", "-std=c++17", "-O1", "-o", "bot", "main.cpp")


def _rust(directory: Path) -> None:
    (directory / "main.rs").write_text(RUST)
    _run(directory, "rustc", "-o", "bot", "main.rs")


def _haskell(directory: Path) -> None:
    (directory / "Main.hs").write_text(HASKELL)
    _run(directory, "ghc", "-v0", "-o", "bot", "Main.hs")


def _java(directory: Path) -> None:
    (directory / "Main.java").write_text(JAVA)
    _run(directory, "javac", "--release", "17", "Main.java")
    _run(directory, "jar", "--create", "--file", "bot.jar", "--main-class", "Main", "Main.class")


def _csharp(directory: Path) -> None:
    (directory / "bot.cs").write_text(CSHARP)
    _run(directory, "mcs", "-sdk:4.5", "-out:bot.dll", "bot.cs")
    (directory / "bot.runtimeconfig.json").write_text(json.dumps(RUNTIME_CONFIG))


BOTS = {
    "python3.11": CountingBot(entrypoint="main.py", source=PYTHON),
    "nodejs20": CountingBot(entrypoint="main.js", source=NODE),
    "gcc13": CountingBot(entrypoint="bot", source=CPP, tool="g++", make=_cpp),
    "rust-stable": CountingBot(entrypoint="bot", source=RUST, tool="rustc", make=_rust),
    "ghc96": CountingBot(entrypoint="bot", source=HASKELL, tool="ghc", make=_haskell),
    "scala3": CountingBot(entrypoint="bot.jar", source=JAVA, tool="javac", make=_java),
    "dotnet8": CountingBot(entrypoint="bot.dll", source=CSHARP, tool="mcs", make=_csharp),
}


def lacks(runtime: str) -> str:
    """Why its bot cannot be made here; empty if it can."""
    tool = BOTS[runtime].tool
    return f"no {tool} on this machine compiles the {runtime} bot" if tool and not shutil.which(tool) else ""
