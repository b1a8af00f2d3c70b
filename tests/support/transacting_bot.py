"""A bot that writes transactions into an SQLite database at speed, and what must hold of any copy."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = 200
# ``setup`` is run when the database is opened; after ``burst`` transactions it rests for ``rest`` seconds.
BOT = f"""
import json, os, pathlib, random, signal, sqlite3, sys, time
over = []
def main(bot_id, config):
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    path = pathlib.Path(os.environ["STATE_DIR"]) / "bank.db"
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    for line in config["setup"]:
        db.execute(line)
    db.execute("CREATE TABLE IF NOT EXISTS accounts (id INTEGER PRIMARY KEY, balance INTEGER, pad BLOB)")
    db.execute("CREATE TABLE IF NOT EXISTS transfers (n INTEGER PRIMARY KEY, pad BLOB)")
    if not db.execute("SELECT count(*) FROM accounts").fetchone()[0]:
        rows = [(i, os.urandom(900)) for i in range({ACCOUNTS})]
        db.executemany("INSERT INTO accounts VALUES (?, 0, ?)", rows)
    n = db.execute("SELECT coalesce(max(n), 0) FROM transfers").fetchone()[0]
    with open(config["acknowledged"], "a", buffering=1) as acknowledged:
        while not over:
            n += 1
            a, b = random.sample(range({ACCOUNTS}), 2)
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO transfers VALUES (?, ?)", (n, os.urandom(300)))
            for account, change in ((a, -1), (b, 1)):
                values = (change, os.urandom(900), account)
                db.execute("UPDATE accounts SET balance = balance + ?, pad = ? WHERE id = ?", values)
            db.execute("COMMIT")
            acknowledged.write(json.dumps([n, time.time()]) + "\\n")
            if n % config.get("truncate_each", 10**9) == 0:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            if n % config["burst"] == 0:
                time.sleep(config["rest"])
    if config.get("abandons"):
        # Without the checkpoint of a last connection that is closed.
        os._exit(0)
    db.close()
"""
DATABASE = ".the0-state/bank.db"


@dataclass(frozen=True, slots=True)
class Bank:
    """What a database holds. ``transfers`` are 1 to that number, without a gap."""

    transfers: int


def acknowledged(path: Path) -> list[tuple[int, float]]:
    """The number and the time of each transaction that the bot was told to be done."""
    return [(n, at) for n, at in map(json.loads, path.read_text().splitlines())]


def read_bank(state: Path) -> Bank:
    """Fails unless the database opens, is whole, and holds transactions as wholes."""
    with closing(sqlite3.connect(state / DATABASE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"accounts", "transfers"} <= names:
            return Bank(0)
        assert db.execute("SELECT coalesce(sum(balance), 0) FROM accounts").fetchone() == (0,)
        count, newest = db.execute("SELECT count(*), coalesce(max(n), 0) FROM transfers").fetchone()
    assert count == newest, "a transaction in the middle is missing"
    return Bank(newest)
