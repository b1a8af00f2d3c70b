"""The HTTP application: every answer has the contract's envelope, also those of failures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from activities.errors import DurabotError, QueryFailed
from activities.query_path import query_path
from agent.errors import AgentError
from worker.gateway.log_stream import BotLogs, stream_log
from worker.gateway.query_service import QueryService
from worker.gateway.state_api import Answered, StateService, add_state_routes
from worker.gateway.wire import BadBody, envelope, parse_query
from worker.plain import plain

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
PARALLEL_QUERIES = 200
# Each of them looks for new lines a few times in a second.
PARALLEL_LOGS = 50

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(
    queries: QueryService,
    bot_logs: BotLogs | None = None,
    states: StateService | None = None,
    *,
    token: str = "",
    local: bool = True,
    max_body_bytes: int = MAX_BODY_BYTES,
    body_seconds: float = BODY_SECONDS,
    parallel: int = PARALLEL_QUERIES,
) -> web.Application:
    """``parallel`` bounds the queries under way: more are answered 503 at once, which is kinder than late.
    ``token`` and ``local`` are for what changes something, see ``add_state_routes``."""
    under_way = followers = 0

    async def query(request: web.Request) -> web.Response:
        nonlocal under_way
        began = time.monotonic_ns()
        if under_way >= parallel:
            return _answer(503, began, "too many queries at once", {"Retry-After": "1"})
        under_way += 1
        try:
            asked = parse_query(await _body(request, body_seconds))
            path = query_path(asked.query_path)
            result = await queries.query(
                asked.bot_id, path, asked.params or {}, asked.timeout_s, asked.generation or 0
            )
            if result.status != "ok":
                return _answer(
                    504 if result.status == "timeout" else 500, began, result.error or "query failed"
                )
            return _fine(began, result.data)
        except BadBody as error:
            return _answer(400, began, str(error))
        except DurabotError as error:
            return _answer(error.http_status, began, str(error))
        finally:
            under_way -= 1

    async def health(request: web.Request) -> web.Response:
        began = time.monotonic_ns()
        return _fine(began, await queries.health())

    async def logs(request: web.Request) -> web.StreamResponse:
        nonlocal followers
        began = time.monotonic_ns()
        if bot_logs is None:
            raise web.HTTPNotFound
        if followers >= PARALLEL_LOGS:
            return _answer(503, began, "too many logs are read at once", {"Retry-After": "1"})
        followers += 1
        try:
            return await stream_log(request, bot_logs)
        except BadBody as error:
            return _answer(400, began, str(error))
        except DurabotError as error:
            return _answer(error.http_status, began, str(error))
        except AgentError as error:
            return _answer(503, began, str(error))
        finally:
            followers -= 1

    app = web.Application(client_max_size=max_body_bytes, middlewares=[_enveloped])
    app.router.add_post("/query", query)
    app.router.add_get("/health", health)
    app.router.add_get("/v1/bots/{bot_id}/logs", logs)
    if states is not None:
        add_state_routes(
            app, states, _answering, lambda request: _body(request, body_seconds), token=token, local=local
        )
    return app


def _answering(work: Answered) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        began = time.monotonic_ns()
        try:
            return _fine(began, plain(await work(request)))
        except BadBody as error:
            return _answer(400, began, str(error))
        except DurabotError as error:
            return _answer(error.http_status, began, str(error))

    return handler


@web.middleware
async def _enveloped(request: web.Request, handler: Handler) -> web.StreamResponse:
    began = time.monotonic_ns()
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _answer(error.status, began, f"{request.method} {request.path}: {error.reason}", headers)
    except Exception:
        # The one place where an unknown failure ends: told in the log, not to the client.
        log.exception("%s %s failed", request.method, request.path)
        return _answer(500, began, "internal error; the gateway's log has it")


async def _body(request: web.Request, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(reason=f"the body did not arrive within {seconds:g} s") from error


def _fine(began: int, data: object) -> web.Response:
    try:
        body = envelope(began, time.monotonic_ns(), data=data)
    except (ValueError, RecursionError) as error:
        raise QueryFailed("the answer is nested too deeply, or is no JSON") from error
    return web.Response(body=body, content_type="application/json")


def _answer(status: int, began: int, error: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=envelope(began, time.monotonic_ns(), error=error),
        content_type="application/json",
        headers=headers,
    )
