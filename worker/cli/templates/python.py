"""For ``python3.11``."""

from __future__ import annotations

REALTIME = '''\
"""Called once; runs until it is told to stop."""

import os
import signal
import time
from pathlib import Path

stopping = False


def stop(number, frame):
    global stopping
    stopping = True


def main(bot_id, config):
    signal.signal(signal.SIGTERM, stop)
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text()) if counter.exists() else 0
    while not stopping:
        count += 1
        counter.write_text(str(count))
        print(f"{bot_id} counts {count}")
        time.sleep(config.get("pause", 1))
'''
SCHEDULED = '''\
"""Called at each instant of the schedule."""

import os
from pathlib import Path


def main(bot_id, config):
    counter = Path(os.environ["STATE_DIR"]) / "count"
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    print(f"{bot_id} ran {count} times")
'''
FILES = {"realtime": {"main.py": REALTIME}, "scheduled": {"main.py": SCHEDULED}}
