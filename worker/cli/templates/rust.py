"""For ``rust-stable``: the compiled program is what is deployed."""

from __future__ import annotations

REALTIME = """\
// Runs until it is told to stop. Its configuration is JSON in BOT_CONFIG.
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs, thread, time::Duration};

static STOPPING: AtomicBool = AtomicBool::new(false);

extern "C" fn stop(_: i32) {
    STOPPING.store(true, Ordering::SeqCst);
}

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

fn main() -> std::io::Result<()> {
    const SIGTERM: i32 = 15;
    unsafe { signal(SIGTERM, stop) };
    let bot = env::var("BOT_ID").unwrap();
    let path = format!("{}/count", env::var("STATE_DIR").unwrap());
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut count: u64 = before.trim().parse().unwrap_or(0);
    while !STOPPING.load(Ordering::SeqCst) {
        count += 1;
        fs::write(&path, count.to_string())?;
        println!("{bot} counts {count}");
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}
"""
SCHEDULED = """\
// Runs at each instant of the schedule. Its configuration is JSON in BOT_CONFIG.
use std::{env, fs};

fn main() -> std::io::Result<()> {
    let bot = env::var("BOT_ID").unwrap();
    let path = format!("{}/count", env::var("STATE_DIR").unwrap());
    let before = fs::read_to_string(&path).unwrap_or_default();
    let count = before.trim().parse::<u64>().unwrap_or(0) + 1;
    fs::write(&path, count.to_string())?;
    println!("{bot} ran {count} times");
    Ok(())
}
"""
MAKEFILE = """\
bin/bot: main.rs
\tmkdir -p bin
\trustc --edition 2021 -O -o $@ $<
"""
BUILD = {"Makefile": MAKEFILE, ".durabotignore": "Makefile\nmain.rs\n"}
FILES = {"realtime": {"main.rs": REALTIME, **BUILD}, "scheduled": {"main.rs": SCHEDULED, **BUILD}}
