"""The fixture `s3`: files are kept in a bucket, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

BUCKET = "papers"


class Bucket(NamedTuple):
    """Where it is served, and a client of its own."""

    url: str
    client: Any


@pytest.fixture
def s3(settings, monkeypatch) -> Iterator[Bucket]:
    """Serve S3's protocol on loopback and keep files there."""
    import boto3
    import requests
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    requests.post(f"{url}/moto-api/reset", timeout=5)  # its buckets outlive a server
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    options = {"bucket_name": BUCKET, "endpoint_url": url, "region_name": "us-east-1", "file_overwrite": False}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**options, "querystring_expire": 300}},
    }
    yield Bucket(url, client)
    server.stop()
