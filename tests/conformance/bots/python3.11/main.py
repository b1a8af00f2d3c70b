"""Does what the lines of its configuration's ``steps`` say; see tests/conformance/steps.md."""

import os
import pathlib
import signal
import sys
import time
import zoneinfo
from datetime import UTC, datetime


def state(name):
    return pathlib.Path(os.environ["STATE_DIR"], name)


class Bot:
    def __init__(self, bot_id, config):
        self.bot_id = bot_id
        self.config = config
        self.stop = False

    def say(self, text):
        print(text)

    def err(self, text):
        print(text, file=sys.stderr)

    def open(self, text):
        sys.stdout.write(text)

    def arguments(self, _):
        print("arguments", len(sys.argv) - 1, self.bot_id)

    def stdin(self, _):
        print("stdin", len(sys.stdin.buffer.read()))

    def directory(self, _):
        print("directory", pathlib.Path.cwd())

    def environment(self, _):
        for name, value in os.environ.items():
            print("environment", f"{name}={value}")

    def config_text(self, name):
        print("config", self.config[name])

    def hour(self, argument):
        zone, instant = argument.split(" ")
        known = None if zone == "local" else zoneinfo.ZoneInfo(zone)
        print("hour", zone, datetime.fromtimestamp(int(instant), UTC).astimezone(known).hour)

    def find(self, argument):
        path, *parts = argument.split(" ")
        text = "".join(parts)
        try:
            data = pathlib.Path(path).read_bytes()
        except OSError:
            print("find", path, "unreadable")
        else:
            print("find", path, "yes" if text.encode() in data else "no")

    def touch(self, path):
        try:
            pathlib.Path(path).write_text("x")
        except OSError:
            print("touch", path, "no")
        else:
            print("touch", path, "yes")

    def result(self, text):
        pathlib.Path("/" + os.environ["CODE_MOUNT_DIR"], "result.json").write_text(text)

    def put(self, argument):
        name, text = argument.split(" ", 1)
        state(name).parent.mkdir(parents=True, exist_ok=True)
        state(name).write_text(text)

    def get(self, name):
        print("get", name, state(name).read_text() if state(name).exists() else "absent")

    def flood(self, lines):
        for number in range(int(lines)):
            print(f"flood {number:06d} " + "." * 87)

    def eat(self, megabytes):
        kept = [b"x" * (1 << 20) for _ in range(int(megabytes))]
        print("ate", len(kept))

    def exit(self, code):
        sys.exit(int(code))

    def throw(self, text):
        raise RuntimeError(text)

    def trap(self, text):
        def stop(*_):
            self.stop = True
            self.last = text

        signal.signal(signal.SIGTERM, stop)

    def ignore(self, _):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def wait(self, _):
        while not self.stop:
            time.sleep(0.02)
        self.put("last " + self.last)
        print("stopped", self.last)


def main(bot_id, config):
    bot = Bot(bot_id, config)
    for line in config["steps"].split("\n"):
        verb, _, argument = line.partition(" ")
        getattr(bot, "config_text" if verb == "config" else verb)(argument)
