"""The door over real sockets, at Django's own server and at gunicorn: broken requests, and many at once."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from djstripe.models import WebhookEndpoint

from payments.models import StripeEvent
from payments.stripe.signatures import sign
from tests import ground
from tests.payments.posting import DOOR, SECRET, body_of, event

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = body_of(event())


@pytest.fixture
def gunicorn(transactional_db) -> Iterator[str]:
    """Serve the site as production does; connections wait in the socket until it is up."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        command = [sys.executable, "-m", "gunicorn", "billing_site.wsgi", "--bind", f"fd://{door.fileno()}"]
        process = subprocess.Popen(
            [
                *command,
                "--no-control-socket",
                "--preload",
                "--workers",
                "2",
                "--threads",
                "4",
                "--graceful-timeout",
                "1",
            ],
            cwd=ground.ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            pass_fds=[door.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(params=["live_site", "gunicorn"])
def site(request) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def door() -> str:
    fields = {"url": "https://billing.example/", "enabled_events": ["*"], "status": "enabled"}
    return f"{DOOR}{WebhookEndpoint.objects.create(id='we_wire', secret=SECRET, **fields).djstripe_uuid}/"


def signed(body: bytes = WHOLE) -> bytes:
    return b"Stripe-Signature: " + sign(body, SECRET, int(time.time())).encode() + b"\r\n"


def deliver(site: str, door: str, body: bytes) -> int:
    connection = HTTPConnection(urlsplit(site).netloc, timeout=60)
    try:
        connection.request("POST", door, body, {"Stripe-Signature": sign(body, SECRET, int(time.time()))})
        return connection.getresponse().status
    finally:
        connection.close()


def answers_to(site: str, raw: bytes) -> list[int]:
    """Send bytes as they are, send no more, and return the status of each answer until the server hangs up."""
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port), timeout=60) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while piece := line.recv(65536):
                heard += piece
        except ConnectionResetError:
            pass  # it hung up with bytes of ours unread
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) [A-Z]", heard)]


def broken_requests(door: str) -> dict[str, bytes]:
    start = b"POST " + door.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + signed()
    length = b"Content-Length: %d\r\n" % len(WHOLE)
    chunked = start + b"Transfer-Encoding: chunked\r\n"
    whole_chunk = b"%x\r\n" % len(WHOLE) + WHOLE + b"\r\n0\r\n\r\n"
    return {
        "nothing": b"",
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "a line cut off": start[:20],
        "headers cut off": start,
        "no length": start + b"\r\n" + WHOLE,
        "a body cut off": start + length + b"\r\n" + WHOLE[:50],
        "no body": start + length + b"\r\n",
        "a length too small": start + b"Content-Length: 10\r\nConnection: close\r\n\r\n" + WHOLE,
        "a length negative": start + b"Content-Length: -5\r\n\r\n" + WHOLE,
        "a length in words": start + b"Content-Length: many\r\n\r\n" + WHOLE,
        "two lengths": start + b"Content-Length: 10\r\n" + length + b"\r\n" + WHOLE,
        "a length far too big": start + b"Content-Length: 99999999999\r\n\r\n" + WHOLE,
        "in chunks": chunked + b"Connection: close\r\n\r\n" + whole_chunk,
        "in chunks with a length": chunked + length + b"Connection: close\r\n\r\n" + whole_chunk,
        "a chunk of no size": chunked + b"Connection: close\r\n\r\nzz\r\n" + WHOLE + b"\r\n0\r\n\r\n",
        "a chunk cut off": chunked + b"Connection: close\r\n\r\nffff\r\n" + WHOLE,
        "a chunk negative": chunked + b"Connection: close\r\n\r\n-1\r\n" + WHOLE + b"\r\n0\r\n\r\n",
        "another coding": start + b"Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n" + WHOLE,
        "no UTF-8 in a header": start + b"User-Agent: \xff\xfe\xe9\r\n\r\n",
        "NUL in a header": start + b"X-A: a\x00b\r\n\r\n",
        "a header without a name": start + b": x\r\n\r\n",
        "a header folded": start + b"X-A: a\r\n b\r\n\r\n",
        "strange addresses": start + b"X-Forwarded-For: \xff, ::::, 1.2.3.4:x, <script>\r\n\r\n",
        "a header too long": start + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n",
        "too many headers": start + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n",
        "a path too long": b"POST " + door.encode() + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        "no UTF-8 in the path": b"POST " + door.encode() + b"%ff\xff HTTP/1.1\r\n\r\n",
        "two forged in a row": 2 * (start.replace(b"v1=", b"v1=0") + length + b"\r\n" + WHOLE),
    }


def test_no_broken_request_is_a_fault_of_ours_or_leaves_a_trace(site, door):
    statuses = {name: answers_to(site, raw) for name, raw in broken_requests(door).items()}
    assert {name: told for name, told in statuses.items() if any(not 400 <= status < 500 for status in told)} == {}
    assert not StripeEvent.objects.exists()
    assert deliver(site, door, WHOLE) == 200  # and the next one finds the door as it was


def test_who_hangs_up_without_waiting_for_the_answer_delivered_all_the_same(live_site, door):
    address = urlsplit(live_site)
    with socket.create_connection((address.hostname, address.port)) as line:
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % (door.encode(), len(WHOLE))
        line.sendall(head + signed() + b"\r\n" + WHOLE)
    deadline = time.monotonic() + 30
    while not StripeEvent.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert bytes(StripeEvent.objects.get().payload) == WHOLE


def test_of_two_events_in_one_breath_each_that_is_answered_is_kept(live_site, door):
    raw = b""
    for name in ("evt_1", "evt_2"):
        body = body_of(event(id=name))
        raw += b"POST " + door.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + signed(body)
        raw += b"Content-Length: %d\r\n\r\n" % len(body) + body
    statuses = answers_to(live_site, raw)
    assert set(statuses) == {200}
    assert [row.event_id for row in StripeEvent.objects.order_by("pk")] == ["evt_1", "evt_2"][: len(statuses)]


def test_fifty_deliveries_at_once_are_one_event(gunicorn, door):
    with ThreadPoolExecutor(50) as senders:
        statuses = list(senders.map(lambda _: deliver(gunicorn, door, WHOLE), range(50)))
    assert statuses == [200] * 50
    assert bytes(StripeEvent.objects.get().payload) == WHOLE
