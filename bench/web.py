"""Owns the web servers of a benchmark and the load on them: gunicorn as in production, signed posts over sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from statistics import quantiles

from django.conf import settings

from payments.stripe.signatures import sign
from tests import ground

SECRET = "whsec_of_the_benchmarks"  # noqa: S105 - opens nothing but the benchmarks' own server
WAY = ["--workers", "2", "--threads", "4", "--preload", "--no-control-socket", "--log-level", "error"]
Address = tuple[str, int]


@contextmanager
def served(application: str, environment: dict[str, str]) -> Iterator[Address]:
    """Serve a WSGI application with the options of the demo; yield where it listens."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as door, ExitStack() as stack:
        door.set_inheritable(True)
        command = [sys.executable, "-m", "gunicorn", application, "--bind", f"fd://{door.fileno()}", *WAY]
        told = {**os.environ, "BENCH_STRIPE_WEBHOOK_SECRET": SECRET, **environment}
        log = stack.enter_context((settings.VAR_DIR / "log" / "bench-web.log").open("ab"))
        server = subprocess.Popen(command, cwd=ground.ROOT, env=told, pass_fds=[door.fileno()], stdout=log, stderr=log)
        try:
            yield door.getsockname()
        finally:
            server.terminate()
            server.wait(timeout=30)


def posted(address: Address, path: str, bodies: Sequence[bytes], *, at_once: int = 8) -> list[float]:
    """Post signed bodies over connections that stay open; return the seconds of each answer, and last of all."""
    requests = [_request(path, body) for body in bodies]
    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        heaps = [requests[place::at_once] for place in range(at_once)]
        taken = [seconds for heap in pool.map(lambda heap: _sent(address, heap), heaps) for seconds in heap]
    return [*taken, time.perf_counter() - begun]


def p95(seconds: Sequence[float]) -> float:
    """Return what 95 of 100 answers stay below."""
    return quantiles(seconds, n=20)[-1]


def _request(path: str, body: bytes) -> bytes:
    signature = sign(body, SECRET, int(time.time()))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _sent(address: Address, requests: Sequence[bytes]) -> list[float]:
    with socket.create_connection(address, timeout=60) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [_answered(wire, request) for request in requests]


def _answered(wire: socket.socket, request: bytes) -> float:
    begun = time.perf_counter()
    wire.sendall(request)
    answer = wire.recv(65_536)
    while not _is_whole(answer):
        more = wire.recv(65_536)
        if not more:
            raise ConnectionError(f"The server hung up after {answer[:200]!r}")
        answer += more
    if b" 200 " not in answer[:13]:
        raise ConnectionError(f"The server refused: {answer[:300]!r}")
    return time.perf_counter() - begun


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
    return bool(end) and length is not None and len(body) >= int(length.split(b":")[1])
