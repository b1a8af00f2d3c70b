"""Runs once for each query, on the saved state."""

import json
import os
from pathlib import Path

path = Path(os.environ["STATE_DIR"]) / "runs.json"
runs = json.loads(path.read_text()) if path.exists() else 0
if os.environ["QUERY_PATH"] == "/runs":
    answer = {"status": "ok", "data": {"runs": runs, "params": json.loads(os.environ["QUERY_PARAMS"])}}
else:
    answer = {"status": "error", "error": f"no query {os.environ['QUERY_PATH']}; there is /runs"}
print(json.dumps(answer))
