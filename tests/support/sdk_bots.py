"""Bots of the published SDKs, as their users write them: state, metrics, logs, a result, queries."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.bots import write_bot

PYTHON_BOT = """
import signal, threading
from the0 import log, metric, state, success
stop = threading.Event()
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    state.set("word", "alive")
    state.set("starts", state.get("starts", 0) + 1)
    log("starts " + str(state.get("starts")), {"symbol": config["symbol"]})
    metric("price", {"value": 45000.5})
    stop.wait()
    state.set("word", "stopped")
    success("saw " + config["symbol"])
"""

PYTHON_QUERY = """
from the0 import query, state

@query.handler("/value")
def value(request):
    return {"word": state.get("word"), "limit": request.get("limit"), "config": query.get_config()["level"]}

@query.handler("/write")
def write(request):
    state.set("word", "written by a query")
    return "written"

@query.handler("/fail")
def fail(request):
    raise ValueError("no such symbol")

query.run()
"""

# Without a handler for SIGTERM, which Rust's standard library does not have: it ends by the signal.
RUST_BOT = """
use serde_json::json;
use the0_sdk::{input, state};
fn main() {
    let (_, config) = input::parse().expect("a configuration");
    state::set("word", &"alive").expect("state can be written");
    let starts: u64 = state::get_or("starts", 0) + 1;
    state::set("starts", &starts).expect("state can be written");
    let symbol = config["symbol"].as_str().unwrap().to_string();
    input::log(&format!("starts {starts}"), Some(&json!({ "symbol": symbol })), None);
    input::metric("price", &json!({ "value": 45000.5 }));
    input::success(&format!("saw {symbol}"));
    loop {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}
"""

RUST_QUERY = """
use serde_json::json;
use the0_sdk::{query, state};
fn main() {
    query::handler("/value", |request| {
        let word: String = state::get_or("word", String::new());
        json!({ "word": word, "limit": request.get("limit"), "config": query::get_config()["level"] })
    });
    query::handler("/write", |_| {
        state::set("word", &"written by a query").expect("state can be written");
        json!("written")
    });
    query::run();
}
"""

CARGO = """
[package]
name = "bot"
version = "1.0.0"
edition = "2021"
[dependencies]
the0-sdk = "={version}"
serde_json = "1"
[profile.release]
opt-level = 0
[[bin]]
name = "bot"
path = "bot.rs"
[[bin]]
name = "query"
path = "query.rs"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkBot:
    """``write(directory, name, version, **config)`` makes the bot; ``last_word`` is what it leaves when it is
    stopped; ``limit`` is what its query server makes of the number 5, by version."""

    runtime: str
    last_word: str
    limit: dict[str, Any]
    write: Callable[..., None]
    lacks: Callable[[], str]


def _python(directory: Path, name: str, version: str, **config: Any) -> None:
    write_bot(directory, name, PYTHON_BOT, query=PYTHON_QUERY, **config)
    (directory / "requirements.txt").write_text(f"the0-sdk=={version}\n")


def _rust(directory: Path, name: str, version: str, **config: Any) -> None:
    project = directory.parent / f"{name}-project"
    project.mkdir()
    for file, text in (
        ("bot.rs", RUST_BOT),
        ("query.rs", RUST_QUERY),
        ("Cargo.toml", CARGO.replace("{version}", version)),
    ):
        (project / file).write_text(text)
    done = subprocess.run(
        ["cargo", "build", "--release", "--quiet"], cwd=project, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    made = project / "target/release"
    write_bot(directory, name, (made / "bot").read_bytes(), runtime="rust-stable", query="-", **config)
    shutil.copy(made / "query", directory / "query")


@cache
def _without_cargo() -> str:
    """A shim without a toolchain is there, too, and fails."""
    if shutil.which("cargo") is None:
        return "no cargo on this machine builds the Rust bot"
    done = subprocess.run(["cargo", "--version"], capture_output=True, text=True)
    return f"cargo does not work: {done.stderr.strip()}" if done.returncode else ""


# The older versions read the URL, which knows text only; the newer Python one reads the body.
SDK_BOTS = {
    "python": SdkBot(
        runtime="python3.11",
        last_word="stopped",
        limit={"0.3.1": "5", "0.4.0": 5},
        write=_python,
        lacks=lambda: "",
    ),
    "rust": SdkBot(
        runtime="rust-stable",
        last_word="alive",
        limit={"0.3.1": "5", "0.4.0": "5"},
        write=_rust,
        lacks=_without_cargo,
    ),
}
