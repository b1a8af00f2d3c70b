"""The simulated object store: strongly consistent, as S3 and the servers like it are today.

What is stale is an answer: it was true when it was made, and is read when others have written since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

Answer = tuple[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``sender`` is whoever sent it, and ``number`` tells which of its pieces of work it belongs to."""

    method: str
    key: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    sender: str
    number: int

    def __str__(self) -> str:
        what = f"LIST {self.params['prefix']}" if "prefix" in self.params else f"{self.method} {self.key}"
        return f"{what} if absent" if "if-none-match" in self.headers else what


class Server:
    """``seen`` is called with each write just before it has its effect, with the object as it was."""

    def __init__(self, page: int, seen: Callable[[Request, bytes | None], None]) -> None:
        self.objects: dict[str, bytes] = {}
        self._page = page
        self._seen = seen

    def apply(self, request: Request) -> Answer:
        """All of its effect, at once."""
        if request.method == "GET":
            return self._list(request) if "prefix" in request.params else self._get(request)
        old = self.objects.get(request.key)
        if request.method == "PUT":
            if old is not None and "if-none-match" in request.headers:
                return 412, _error("PreconditionFailed")
            self._seen(request, old)
            self.objects[request.key] = request.body
            return 200, b""
        assert request.method == "DELETE", request.method
        if old is not None:
            self._seen(request, old)
            del self.objects[request.key]
        return 204, b""

    def _get(self, request: Request) -> Answer:
        data = self.objects.get(request.key)
        if data is None:
            return 404, _error("NoSuchKey")
        if "range" not in request.headers:
            return 200, data
        first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1]
        return (206, part) if part else (416, _error("InvalidRange"))

    def _list(self, request: Request) -> Answer:
        after = request.params.get("continuation-token") or request.params.get("start-after", "")
        prefix = request.params["prefix"]
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        page = keys[: self._page]
        rows = [f"<Contents><Key>{escape(key)}</Key></Contents>" for key in page]
        if len(keys) > len(page):
            rows.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
        return 200, f"<ListBucketResult>{''.join(rows)}</ListBucketResult>".encode()


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code></Error>".encode()
