"""AWS Signature Version 4, header form (tested with the vectors that AWS publishes)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

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
    request = "\n".join(
        (
            method,
            canonical_path(path),
            canonical_query(params),
            "".join(f"{name}:{signed[name]}\n" for name in sorted(signed)),
            names,
            payload_sha256,
        )
    )
    moment = signed["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{secret_key}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
