"""The HTTP application: every answer has the contract's envelope, also those of failures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from activities.errors import DurabotError
from worker.gateway.query_service import QueryService
from worker.gateway.wire import BadBody, envelope, parse_query

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
PARALLEL_QUERIES = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(
    queries: QueryService,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    body_seconds: float = BODY_SECONDS,
    parallel: int = PARALLEL_QUERIES,
) -> web.Application:
    """``parallel`` bounds the queries under way: more are answered 503 at once, which is kinder than late."""
    under_way = 0

    async def query(request: web.Request) -> web.Response:
        nonlocal under_way
        began = time.monotonic_ns()
        if under_way >= parallel:
            return _answer(503, began, "too many queries at once", {"Retry-After": "1"})
        under_way += 1
        try:
            async with asyncio.timeout(body_seconds):
                body = await request.read()
            asked = parse_query(body)
            path = asked.query_path if asked.query_path.startswith("/") else "/" + asked.query_path
            result = await queries.query(asked.bot_id, path, asked.params or {}, asked.timeout_s)
        except TimeoutError:
            return _answer(408, began, f"the body did not arrive within {body_seconds:g} s")
        except BadBody as error:
            return _answer(400, began, str(error))
        except DurabotError as error:
            return _answer(error.http_status, began, str(error))
        finally:
            under_way -= 1
        if result.status != "ok":
            return _answer(504 if result.status == "timeout" else 500, began, result.error or "query failed")
        return web.Response(
            body=envelope(began, time.monotonic_ns(), data=result.data), content_type="application/json"
        )

    async def health(request: web.Request) -> web.Response:
        began = time.monotonic_ns()
        return web.Response(
            body=envelope(began, time.monotonic_ns(), data=await queries.health()),
            content_type="application/json",
        )

    app = web.Application(client_max_size=max_body_bytes, middlewares=[_enveloped])
    app.router.add_post("/query", query)
    app.router.add_get("/health", health)
    return app


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


def _answer(status: int, began: int, error: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=envelope(began, time.monotonic_ns(), error=error),
        content_type="application/json",
        headers=headers,
    )
