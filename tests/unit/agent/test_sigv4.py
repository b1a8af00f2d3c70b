"""Vectors published by AWS: the Signature V4 test suite and the S3 documentation's examples."""

from __future__ import annotations

import hashlib

import pytest

from agent.sigv4 import EMPTY_SHA256, authorization, canonical_query, presigned_target

S3_HOST = "examplebucket.s3.amazonaws.com"
S3_DATE = "20130524T000000Z"


def s3_signature(
    method: str, path: str, params: dict[str, str], extra: dict[str, str], payload: bytes = b""
) -> str:
    digest = hashlib.sha256(payload).hexdigest()
    return authorization(
        method=method,
        path=path,
        params=params,
        headers={"Host": S3_HOST, "x-amz-date": S3_DATE, "x-amz-content-sha256": digest, **extra},
        payload_sha256=digest,
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ).rpartition("Signature=")[2]


def test_suite_get_vanilla() -> None:
    value = authorization(
        method="GET",
        path="/",
        params={},
        headers={"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"},
        payload_sha256=EMPTY_SHA256,
        access_key="AKIDEXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        service="service",
    )
    assert value == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


@pytest.mark.parametrize(
    ("method", "path", "params", "extra", "payload", "signature"),
    [
        (
            "GET",
            "/test.txt",
            {},
            {"Range": "bytes=0-9"},
            b"",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            {},
            {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            {"lifecycle": ""},
            {},
            b"",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            {"max-keys": "2", "prefix": "J"},
            {},
            b"",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_s3_documentation_examples(
    method: str, path: str, params: dict[str, str], extra: dict[str, str], payload: bytes, signature: str
) -> None:
    assert s3_signature(method, path, params, extra, payload) == signature


def test_query_is_sorted_after_encoding() -> None:
    assert canonical_query({"b": "ä /", "a": "~"}) == "a=~&b=%C3%A4%20%2F"


def test_a_presigned_request() -> None:
    target = presigned_target(
        method="GET",
        path="/test.txt",
        host=S3_HOST,
        moment=S3_DATE,
        expires_s=86400,
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    assert target == (
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
