"""The few S3 operations the agent needs.

A request is never repeated in here: a repeated conditional write would report its own success as a
conflict. Who may repeat decides with the meaning of the write in hand (see ``create``).
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent import sigv4
from agent.errors import (
    AgentError,
    ObjectMissing,
    PreconditionFailed,
    RangeMissing,
    StoreRefused,
    StoreUnavailable,
)
from agent.http_connection import Answer, Connection
from agent.xml_texts import NotXml, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

# Losers of a conditional write on SeaweedFS wait up to 3 s, so a shorter limit would turn a clear
# conflict into an unclear failure.
TIMEOUT_SECONDS = 20.0
# A connection that was silent for longer may have been closed by the server at any moment.
REUSED_SECONDS = 3.0
DOWNLOAD_BLOCK = 1 << 20
ERROR_BYTES = 4096
PROBE_EXPIRES_S = 24 * 3600


class ObjectStore:
    """One store, one kept connection; not for use by two threads or across a fork."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        *,
        secure: bool = False,
        session_token: str = "",
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._endpoint = endpoint
        self._access_key = access_key
        self._secret_key = secret_key
        self._session_token = session_token
        self._secure = secure
        self._connection = Connection(endpoint, timeout, _tls() if secure else None)
        self._used = 0.0

    def get(self, bucket: str, key: str) -> bytes:
        """The whole object; ``ObjectMissing`` when there is none."""
        return self._call("GET", bucket, key)

    def get_range(self, bucket: str, key: str, start: int, length: int) -> bytes:
        """A part of the object, less where it ends before; ``ObjectMissing`` when there is none."""
        wanted = {"range": f"bytes={start}-{start + length - 1}"}
        try:
            data = self._call("GET", bucket, key, headers=wanted)
        except RangeMissing:
            return b""
        # A server may ignore the header and send all.
        return data if len(data) <= length else data[start : start + length]

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write unconditionally: for keys that are named by their content."""
        self._call("PUT", bucket, key, body=data)

    def create(self, bucket: str, key: str, data: bytes) -> None:
        """Write only if there is no such object; ``PreconditionFailed`` when somebody else's is there.

        ``data`` must hold something unique to the writer: after a lost answer, or a refusal that may
        be the echo of our own first attempt, the object is read back and equality means success.
        """
        try:
            self._call("PUT", bucket, key, body=data, headers={"if-none-match": "*"})
        except (PreconditionFailed, StoreUnavailable) as failure:
            try:
                stored = self.get(bucket, key)
            except ObjectMissing:
                # Refused though nothing is there: two writers at once may both be turned away (409).
                raise StoreUnavailable(f"object {bucket}/{key}: not written: {failure}") from failure
            if stored != data:
                raise PreconditionFailed(f"object {bucket}/{key} was written by another writer") from failure

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object; one that is gone already is a success."""
        try:
            self._call("DELETE", bucket, key)
        except ObjectMissing:
            return

    def list(self, bucket: str, prefix: str) -> Iterator[str]:
        """Keys below ``prefix``, in no order to rely on: servers differ."""
        token = ""
        while True:
            params = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
            if token:
                params["continuation-token"] = token
            try:
                found = texts(self._call("GET", bucket, "", params=params), "Key", "NextContinuationToken")
            except NotXml as error:
                raise StoreUnavailable(
                    f"listing {bucket}/{prefix}: the answer is not XML: {error}"
                ) from error
            token = ""
            for name, text in found:
                if name == "Key" and text:
                    yield text
                elif name == "NextContinuationToken":
                    token = text
            if not token:
                return

    def head_request(self, bucket: str, key: str, *, last: bool = True) -> bytes:
        """A whole request, good for a day, for whoever wants to know without our imports whether there is
        such an object (see ``agent/absence.py``); empty where the connection needs more than a socket.
        Another one may follow on the same connection unless it is the ``last``."""
        if self._secure:
            return b""
        target = sigv4.presigned_target(
            method="HEAD",
            path=f"/{bucket}/{key}",
            host=self._endpoint,
            moment=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            expires_s=PROBE_EXPIRES_S,
            access_key=self._access_key,
            secret_key=self._secret_key,
            session_token=self._session_token,
        )
        after = "close" if last else "keep-alive"
        return f"HEAD {target} HTTP/1.1\r\nhost: {self._endpoint}\r\nconnection: {after}\r\n\r\n".encode()

    def download(self, bucket: str, key: str, path: Path) -> None:
        """Stream the object into ``path``; on failure the file may be there in part."""
        response = self._send("GET", bucket, key, {}, b"", {})
        try:
            if response.status != 200:
                raise _failure(response.status, response.read_some(ERROR_BYTES), f"object {bucket}/{key}")
            with path.open("wb") as file:
                while block := response.read_some(DOWNLOAD_BLOCK):
                    file.write(block)
        except OSError as error:
            self.close()
            raise StoreUnavailable(f"object {bucket}/{key}: {error!r}") from error

    def close(self) -> None:
        """Drop the connection; the next request opens a new one."""
        self._connection.close()

    def _call(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        response = self._send(method, bucket, key, params or {}, body, headers or {})
        try:
            answer = response.read()
        except OSError as error:
            self.close()
            raise StoreUnavailable(f"{method} {bucket}/{key}: the answer broke off: {error!r}") from error
        if not 200 <= response.status < 300:
            raise _failure(response.status, answer, f"{method} {bucket}/{key}")
        return answer

    def _send(
        self,
        method: str,
        bucket: str,
        key: str,
        params: Mapping[str, str],
        body: bytes,
        extra: Mapping[str, str],
    ) -> Answer:
        path = f"/{bucket}/{key}" if key else f"/{bucket}"
        digest = hashlib.sha256(body).hexdigest()
        headers = {
            "host": self._endpoint,
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "x-amz-content-sha256": digest,
            **extra,
        }
        if body:
            # A server that does not check the signed digest still refuses a body with a wrong MD5.
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            headers["content-md5"] = base64.b64encode(md5).decode()
        if self._session_token:
            headers["x-amz-security-token"] = self._session_token
        headers["authorization"] = sigv4.authorization(
            method=method,
            path=path,
            params=params,
            headers=headers,
            payload_sha256=digest,
            access_key=self._access_key,
            secret_key=self._secret_key,
        )
        url = sigv4.canonical_path(path)
        if params:
            url += "?" + sigv4.canonical_query(params)
        try:
            self._drop_if_silent()
            return self._connection.request(method, url, headers, body)
        except OSError as error:
            self.close()
            raise StoreUnavailable(f"object store {self._endpoint}: {error!r}") from error

    def _drop_if_silent(self) -> None:
        silent = time.monotonic() - self._used
        self._used += silent
        if silent > REUSED_SECONDS:
            self._connection.close()


def _tls() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _failure(status: int, answer: bytes, what: str) -> AgentError:
    """The typed failure of an HTTP status; the server's own code goes into the text, for people only."""
    try:
        detail = next((text for _, text in texts(answer, "Code")), "") if answer else ""
    except NotXml:
        detail = answer[:200].decode(errors="replace")
    text = f"{what}: {status} {detail}".rstrip()
    if status == 404:
        return ObjectMissing(text)
    if status == 416:
        return RangeMissing(text)
    if status in (409, 412):
        return PreconditionFailed(text)
    # A clock that is wrong now may be set right; a wrong key stays wrong.
    if status >= 500 or status in (408, 429) or detail == "RequestTimeTooSkewed":
        return StoreUnavailable(text)
    return StoreRefused(text)
