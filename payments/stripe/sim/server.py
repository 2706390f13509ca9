"""The sim on the wire: a real HTTP/1.1 server on loopback."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import urlsplit

from payments.stripe.sim.api import Answer, Api, Request
from payments.stripe.sim.company import Sim

IDLE_SECONDS = 60
LARGEST_BODY = 1_000_000


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS
    server: SimServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LARGEST_BODY)).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, url.path, url.query, body, headers)
        time.sleep(self.server.api.sim.faults.weather(url.path).latency)
        self._send(request, self.server.api.answer(request))

    def _send(self, request: Request, answer: Answer) -> None:
        if answer.cut:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in _headers(request, answer).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Date answers by the sim's time, not the machine's: readers put answers and events in one order."""
        return super().date_time_string(self.server.api.sim.time_of_answers() if timestamp is None else timestamp)

    def log_message(self, *_: object) -> None:
        """Say nothing: `Api.requests` remembers."""


def _headers(request: Request, answer: Answer) -> dict[str, str]:
    shown = {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.body)),
        "Request-Id": answer.request_id,
        "Stripe-Version": request.version,
        "Idempotency-Key": request.key,
        "Idempotent-Replayed": "true" if answer.replayed else "",
    }
    return {name: value for name, value in shown.items() if value}


class SimServer(ThreadingHTTPServer):
    """Serves a sim on 127.0.0.1; port 0 takes any free one. `with SimServer(sim) as server: server.url`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, sim: Sim, *, port: int = 0) -> None:
        self.api = Api(sim)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """The address to use instead of https://api.stripe.com."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sim-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
