"""Follows a price for ever; what it knows survives every restart."""

import random
import signal
import threading

from the0 import metric, state

stopping = threading.Event()


def main(bot_id: str, config: dict) -> None:
    """Called once, in the main thread, so that SIGTERM can be handled."""
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())
    price = state.get("price", 100.0)
    ticks = state.get("ticks", 0)
    print(f"{bot_id} begins at tick {ticks}", flush=True)
    while not stopping.wait(config.get("pause", 1)):
        price = round(price * random.uniform(0.99, 1.01), 4)
        ticks += 1
        state.set("price", price)
        state.set("ticks", ticks)
        metric("price", {"symbol": config["symbol"], "value": price})
    # What is written now is saved before the container ends.
    state.set("last_words", f"stopped at tick {ticks}")
    print(f"stopped at tick {ticks}", flush=True)
