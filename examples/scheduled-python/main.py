"""Runs at each instant of its schedule; needs nothing but Python."""

import json
import os
from pathlib import Path


def main(bot_id: str, config: dict) -> None:
    """State is a directory: what is in it when the run ends is there when the next one begins."""
    path = Path(os.environ["STATE_DIR"]) / "runs.json"
    runs = json.loads(path.read_text()) + 1 if path.exists() else 1
    path.write_text(json.dumps(runs))
    print(f"{config.get('greeting', 'Hello')}, this is run {runs} of {bot_id}")
