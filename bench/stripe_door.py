"""Owns the benchmarks of the webhook door: against dj-stripe's, a bare WSGI application, and a Stripe that is away."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from djstripe.models import WebhookEndpoint
from djstripe.views import ProcessWebhookView

from bench.duels import Clock, Duel, Side, a_second, in_milliseconds
from bench.web import SECRET, Address, p95, posted, served
from billing_site.celery import app
from payments.stripe.inbox import webhook
from payments.stripe.signatures import sign
from payments.stripe.sim import Sim
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.server import SimServer

LATENCY = 0.15
MANY, SOME, FEW = 1_600, 400, 24
_numbers = itertools.count()


@contextmanager
def duels() -> Iterator[list[Duel]]:
    """Start the servers, then measure them one after the other."""
    sim = Sim(clock=lambda: int(time.time()))
    with ExitStack() as stack:
        stripe = stack.enter_context(SimServer(sim))
        nobody = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        uuid = WebhookEndpoint.objects.create(id="we_bench", secret=SECRET, url="", enabled_events=["*"]).djstripe_uuid
        site = _site(stack, "billing_site.wsgi", stripe.url)
        bare = _site(stack, "bench.raw:application", stripe.url)
        cut_off = _site(stack, "billing_site.wsgi", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        template = _charged(sim, _known_buyer(sim, site, uuid))
        sim.faults.latency = LATENCY
        yield [
            _against_djstripe(sim, site, uuid, template),
            _against_djstripe_that_only_stores(uuid, template),
            _against_no_framework(site, bare, uuid, template),
            _while_stripe_is_away(cut_off, uuid, template),
        ]
    app.control.purge()


def _against_djstripe(sim: Sim, site: Address, uuid: UUID, template: dict[str, Any]) -> Duel:
    buyer = template["data"]["object"]["customer"]

    def theirs() -> float:
        bodies = [_body(_charged(sim, buyer)) for _ in range(FEW)]
        return posted(site, f"/bench/djstripe/webhook/{uuid}/", bodies)[-1] / FEW

    ours = Side("our door", lambda: posted(site, _door(uuid), _copies(template, MANY))[-1] / MANY)
    what = f"Acknowledge a webhook, Stripe {LATENCY * 1000:.0f} ms away"
    return Duel(what, ours, Side("dj-stripe's view", theirs), a_second, at_least=40)


def _against_djstripe_that_only_stores(uuid: UUID, template: dict[str, Any]) -> Duel:
    stored = ProcessWebhookView.as_view()

    def theirs() -> float:
        with override_settings(DJSTRIPE_WEBHOOK_EVENT_CALLBACK=lambda *_, **__: None, STRIPE_TEST_SECRET_KEY=API_KEY):
            return _in_process(partial(stored, uuid=uuid), template)

    ours = Side("our door", lambda: _in_process(partial(webhook, endpoint=uuid), template))
    return Duel("Acknowledge a webhook, in process", ours, Side("dj-stripe, store only", theirs), a_second, at_least=4)


def _against_no_framework(site: Address, bare: Address, uuid: UUID, template: dict[str, Any]) -> Duel:
    ours = Side("our door", lambda: posted(site, _door(uuid), _copies(template, MANY))[-1] / MANY)
    other = Side("verify and insert, no framework", lambda: posted(bare, "/", _copies(template, MANY))[-1] / MANY)
    return Duel("Acknowledge a webhook, behind gunicorn", ours, other, a_second, at_least=0.5)


def _while_stripe_is_away(cut_off: Address, uuid: UUID, template: dict[str, Any]) -> Duel:
    def at_worst(path: str) -> float:
        return p95(posted(cut_off, path, _copies(template, SOME), at_once=4)[:-1])

    ours = Side("our door", lambda: at_worst(_door(uuid)))
    other = Side("a view that does nothing", lambda: at_worst("/bench/nothing/"))
    what = "95 of 100 acknowledged within, Stripe's API silent"
    return Duel(what, ours, other, in_milliseconds, at_most_seconds=0.050)


def _site(stack: ExitStack, application: str, stripe: str) -> Address:
    names = {"BENCH_STRIPE_API_BASE": stripe, "BENCH_STRIPE_API_KEY": API_KEY}
    return stack.enter_context(served(application, {"DJANGO_SETTINGS_MODULE": "bench.settings", **names}))


def _door(uuid: UUID) -> str:
    return f"/stripe/webhook/{uuid}/"


def _known_buyer(sim: Sim, site: Address, uuid: UUID) -> str:
    """Make a customer whom dj-stripe has met, so that it need not fetch the account and its catalogue any more."""
    buyer = str(sim.customer("Acorn Analytics", email="billing@acorn.example")["id"])
    posted(site, f"/bench/djstripe/webhook/{uuid}/", [_body(_charged(sim, buyer))])
    return buyer


def _charged(sim: Sim, buyer: str) -> dict[str, Any]:
    sim.charge(buyer, 29_00)
    return next(event for event in reversed(sim.events()) if event["type"] == "charge.succeeded")


def _copies(template: dict[str, Any], count: int) -> list[bytes]:
    return [_body({**template, "id": f"evt_bench{next(_numbers)}"}) for _ in range(count)]


def _body(event: dict[str, Any]) -> bytes:
    return json.dumps(event, indent=2).encode()


def _in_process(view: Callable[[HttpRequest], HttpResponse], template: dict[str, Any]) -> float:
    requests, clock = [_request(body) for body in _copies(template, SOME)], Clock()
    with clock.running():
        answers = {view(request).status_code for request in requests}
    if answers != {200}:
        raise ConnectionError(f"Refused with {answers}")
    return clock.seconds / SOME


def _request(body: bytes) -> HttpRequest:
    signature = {"Stripe-Signature": sign(body, SECRET, int(time.time()))}
    return RequestFactory().post("/", data=body, content_type="application/json", headers=signature)
