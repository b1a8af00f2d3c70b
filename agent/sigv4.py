"""AWS Signature Version 4, in a header or in a query (tested with the vectors that AWS publishes)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def canonical_query(params: Mapping[str, str]) -> str:
    """The query string as it is signed, which is also how it must be sent: sorted, RFC 3986 encoded."""
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in params.items())
    return "&".join(f"{k}={v}" for k, v in pairs)


def canonical_path(path: str) -> str:
    """The path as it is signed and sent; S3 encodes once and keeps ``/``."""
    return quote(path, safe="/-_.~")


def authorization(
    *,
    method: str,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    payload_sha256: str,
    access_key: str,
    secret_key: str,
    region: str = "us-east-1",
    service: str = "s3",
) -> str:
    """Value of the ``Authorization`` header.

    ``headers`` are exactly those that get signed; ``host`` and ``x-amz-date`` (``YYYYMMDDTHHMMSSZ``)
    must be among them.
    """
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = ";".join(sorted(signed))
    moment = signed["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    signature = _signature(method, path, params, signed, payload_sha256, moment, scope, secret_key)
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"


def presigned_target(
    *,
    method: str,
    path: str,
    host: str,
    moment: str,
    expires_s: int,
    access_key: str,
    secret_key: str,
    session_token: str = "",
    region: str = "us-east-1",
    service: str = "s3",
) -> str:
    """Path and query of a request without a body that needs no other header than ``host``, good for so long
    after ``moment`` (``YYYYMMDDTHHMMSSZ``)."""
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    params = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if session_token:
        params["X-Amz-Security-Token"] = session_token
    signature = _signature(method, path, params, {"host": host}, UNSIGNED, moment, scope, secret_key)
    return f"{canonical_path(path)}?{canonical_query(params)}&X-Amz-Signature={signature}"


def _signature(
    method: str,
    path: str,
    params: Mapping[str, str],
    signed: Mapping[str, str],
    payload_sha256: str,
    moment: str,
    scope: str,
    secret_key: str,
) -> str:
    request = "\n".join(
        (
            method,
            canonical_path(path),
            canonical_query(params),
            "".join(f"{name}:{signed[name]}\n" for name in sorted(signed)),
            ";".join(sorted(signed)),
            payload_sha256,
        )
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
