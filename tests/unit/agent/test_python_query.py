"""A Python query's result reaches the agent also where ``/query`` is another directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRAPPER = Path(__file__).parents[3] / "agent" / "wrappers" / "python_query.py"
RESULT = {"status": "ok", "data": 1}


@pytest.mark.parametrize(
    "source",
    [
        # As the0-sdk 0.3.1 does, and 0.4.0 nearly so.
        "os.makedirs('/query', exist_ok=True)\nwith open('/query/result.json', 'w') as f: json.dump(R, f)",
        "pathlib.Path('/query/result.json').write_text(json.dumps(R))",
        "pathlib.Path('/query').mkdir(exist_ok=True)\n"
        "open('/query/result.json', mode='w').write(json.dumps(R))",
        "open('/query/new', 'w').write(json.dumps(R))\nos.replace('/query/new', '/query/result.json')",
        "p = pathlib.Path('/query/new'); p.write_text(json.dumps(R)); p.rename('/query/result.json')",
        "assert os.path.isdir('/query')\nn = os.open('/query/result.json', os.O_WRONLY | os.O_CREAT)\n"
        "os.write(n, json.dumps(R).encode())",
        "assert not os.path.exists('/querying')\nopen('/query/result.json', 'w').write(json.dumps(R))",
    ],
)
def test_each_way_to_write_the_result(tmp_path: Path, source: str) -> None:
    query = tmp_path / "query"
    query.mkdir()
    entry = tmp_path / "entry.py"
    entry.write_text(
        f"import json, os, pathlib, sys\nR = {RESULT!r}\nassert sys.argv == [{str(entry)!r}]\n{source}\n"
    )
    done = subprocess.run(
        [sys.executable, str(WRAPPER), str(entry)],
        env={**os.environ, "DURABOT_QUERY_DIR": str(query)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((query / "result.json").read_text()) == RESULT
