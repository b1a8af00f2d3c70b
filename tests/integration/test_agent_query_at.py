"""The agent's ephemeral query on an older state."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from agent.statelog import StateLog
from agent.statelog.collect import collect
from agent.statelog.retention import Retention
from tests.support.agent_run import Start
from tests.support.s3_server import S3Server

BUCKET = "bot-state"
QUERY = """
import json, os, pathlib
value = (pathlib.Path(os.environ["STATE_DIR"]).parent / "value").read_text()
pathlib.Path(os.environ["DURABOT_QUERY_DIR"], "result.json").write_text(
    json.dumps({"status": "ok", "data": value})
)
"""


def test_a_query_sees_the_state_of_its_generation(agents: Start, s3_server: S3Server, tmp_path: Path) -> None:
    bot_id = "query-at"
    with closing(s3_server.store()) as store:
        log = StateLog(store, BUCKET, bot_id, tmp_path / "w/state", tmp_path / "w/cache", "r", 1 << 20)
        log.start()
        for number in range(2, 7):
            (tmp_path / "w/state/value").write_text(f"value {number}")
            assert log.commit().generation == number
        collect(store, BUCKET, bot_id, Retention(keep_last=4, keep_days=0), young="9999")
    for place, generation, expected in (("a", "4", "value 4"), ("b", "", "value 6"), ("c", "2", None)):
        run = agents(
            {"main.py": "", "query.py": QUERY},
            place,
            bot_id,
            QUERY_ENTRYPOINT="query.py",
            QUERY_PATH="/value",
            DURABOT_STATE_GENERATION=generation,
        )
        code, report = run.wait(), run.report()
        if expected is None:
            assert (code, report["cause"]) == (1, "no_such_generation")
            assert "was collected" in report["message"]
        else:
            assert (code, report["generation_before"]) == (0, int(generation or 6)), report
            assert json.loads(report["query_result"])["data"] == expected
