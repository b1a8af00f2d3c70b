"""``durabot query``: ask a bot, running or not."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.data_dir import DataDir
from worker.cli.output import Json, emit, fail
from worker.cli.session import with_client
from worker.settings import Settings

if TYPE_CHECKING:
    from temporalio.client import Client

    from activities.messages import QueryResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def query(
    bot: Annotated[str, typer.Argument(help="Name of the bot.")],
    path: Annotated[str, typer.Argument(help="Path of the query, such as /status.")],
    params: Annotated[list[str] | None, typer.Argument(help="key=value, values JSON if they can.")] = None,
    at: Annotated[
        int | None, typer.Option(min=1, metavar="GENERATION", help="Of the state as it was then.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=300, help="Seconds.")] = 30,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Ask a bot, running or not.

    A running realtime bot answers itself; of any other the query program runs once, on its saved state. With
    --at it runs on an older state, of any bot: `durabot state log` shows which there are.

    Example: durabot query my-bot /orders limit=10
    """
    given = _parameters(params or [], as_json)

    async def work(settings: Settings, client: Client) -> QueryResult:
        from activities.running_bot import RunningBots
        from worker.backend import make_backend
        from worker.control.queries import Queries

        queries = Queries(settings, client, RunningBots(make_backend(settings)))
        return await queries.query(bot, path, given, timeout, at or 0)

    result = with_client(data_dir, as_json, work)
    if result.status != "ok":
        fail(result.error, code="query_failed", as_json=as_json)
    emit(result.data, as_json, lambda: print(json.dumps(result.data, indent=2, ensure_ascii=False)))


def _parameters(texts: list[str], as_json: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            fail(f"{text!r} is not key=value", as_json=as_json)
        try:
            # NaN and numbers without end are no JSON, so they are texts.
            found[name] = json.loads(value, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            found[name] = value
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value
