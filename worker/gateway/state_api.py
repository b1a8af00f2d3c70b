"""A bot's state over HTTP, as ``durabot state`` has it. What changes something asks for the token of the
gateway, or for one that only this machine reaches."""

from __future__ import annotations

import asyncio
import hmac
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from aiohttp import web

from activities.errors import Forbidden
from worker.gateway.wire import BadBody, CollectRequest, GenerationRequest, PinRequest, parse

LARGEST_LOG = 10_000
DEFAULT_LOG = 20
IMPORT_BLOCK = 1 << 20
IMPORT_SILENCE_S = 30.0
# What a state may hold unless its bot says otherwise.
LARGEST_IMPORT = 8192 << 20


class StateService(Protocol):
    """What the gateway needs for it; failures are typed."""

    async def log(self, bot_id: str, limit: int) -> object:
        """Newest first."""

    async def show(self, bot_id: str, generation: int | None) -> object:
        """One generation, by default the newest, and its files."""

    async def diff(self, bot_id: str, before: int, after: int | None) -> object:
        """What differs; by default to the newest."""

    async def rollback(self, bot_id: str, generation: int) -> object:
        """Answers when it is done."""

    async def bring_in(self, bot_id: str, archive: Path) -> object:
        """Answers when it is done."""

    async def pin(self, bot_id: str, generation: int, note: str) -> object:
        """Keep it."""

    async def unpin(self, bot_id: str, generation: int) -> object:
        """Leave it to the retention."""

    async def collect(self, bot_id: str, *, dry_run: bool) -> object:
        """Forget what the bot's retention does not keep."""


Answered = Callable[[web.Request], Awaitable[object]]
# Makes an answer in the contract's envelope of what the function gives, and of its errors.
Enveloped = Callable[[Answered], Callable[[web.Request], Awaitable[web.StreamResponse]]]
Body = Callable[[web.Request], Awaitable[bytes]]


def add_state_routes(
    app: web.Application, states: StateService, enveloped: Enveloped, body: Body, *, token: str, local: bool
) -> None:
    """``local`` tells that only this machine reaches the gateway; an empty ``token`` that there is none."""

    def changing(work: Answered) -> Answered:
        async def checked(request: web.Request) -> object:
            _refuse_strangers(request, token, local=local)
            return await work(request)

        return checked

    async def log(request: web.Request) -> object:
        limit = _number(request, "limit", DEFAULT_LOG, LARGEST_LOG)
        return await states.log(_bot(request), limit)

    async def show(request: web.Request) -> object:
        text = request.match_info["generation"]
        return await states.show(_bot(request), None if text == "newest" else _whole("generation", text))

    async def diff(request: web.Request) -> object:
        after = _number(request, "after", 0, None) if "after" in request.query else None
        return await states.diff(_bot(request), _number(request, "before", None, None), after)

    async def rollback(request: web.Request) -> object:
        asked = parse(GenerationRequest, await body(request))
        return await states.rollback(_bot(request), asked.generation)

    async def pin(request: web.Request) -> object:
        asked = parse(PinRequest, await body(request))
        return await states.pin(_bot(request), asked.generation, asked.note)

    async def unpin(request: web.Request) -> object:
        asked = parse(GenerationRequest, await body(request))
        return await states.unpin(_bot(request), asked.generation)

    async def collect(request: web.Request) -> object:
        asked = parse(CollectRequest, await body(request))
        return await states.collect(_bot(request), dry_run=asked.dry_run)

    async def bring_in(request: web.Request) -> object:
        if request.content_type != "application/gzip":
            raise BadBody("Content-Type: has to be application/gzip, and the body a gzipped tar")
        with tempfile.TemporaryDirectory(prefix="durabot-import-") as scratch:
            archive = Path(scratch) / "state.tar.gz"
            with archive.open("wb") as file:
                await _receive(request, file)
            return await states.bring_in(_bot(request), archive)

    base = "/v1/bots/{bot_id}/state"
    app.router.add_get(base, enveloped(log))
    app.router.add_get(f"{base}/diff", enveloped(diff))
    app.router.add_get(f"{base}/{{generation:newest|[0-9]+}}", enveloped(show))
    for name, work in (
        ("rollback", rollback),
        ("import", bring_in),
        ("pin", pin),
        ("unpin", unpin),
        ("gc", collect),
    ):
        app.router.add_post(f"{base}/{name}", enveloped(changing(work)))


async def _receive(request: web.Request, file: BinaryIO) -> None:
    total = 0
    while True:
        try:
            async with asyncio.timeout(IMPORT_SILENCE_S):
                block = await request.content.read(IMPORT_BLOCK)
        except TimeoutError as error:
            raise web.HTTPRequestTimeout(reason=f"nothing came for {IMPORT_SILENCE_S:g} s") from error
        if not block:
            return
        total += len(block)
        if total > LARGEST_IMPORT:
            raise web.HTTPRequestEntityTooLarge(LARGEST_IMPORT, total)
        await asyncio.to_thread(file.write, block)


def _refuse_strangers(request: web.Request, token: str, *, local: bool) -> None:
    given = request.headers.get("Authorization", "")
    if token and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Forbidden("this needs the header Authorization: Bearer with the gateway's token")
    if not token and not local:
        raise Forbidden(
            "this gateway is reached from other machines and has no token (DURABOT_GATEWAY_TOKEN)"
        )


def _bot(request: web.Request) -> str:
    return request.match_info["bot_id"]


def _number(request: web.Request, name: str, default: int | None, most: int | None) -> int:
    text = request.query.get(name)
    if text is None:
        if default is None:
            raise BadBody(f"{name}: is required")
        return default
    value = _whole(name, text)
    if most is not None and value > most:
        raise BadBody(f"{name}: is at most {most}")
    return value


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 12) or int(text) < 1:
        raise BadBody(f"{name}: {text[:20]!r} is no number from 1 on")
    return int(text)
