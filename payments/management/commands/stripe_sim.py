"""`manage.py stripe_sim`: a fake Stripe on loopback, with webhooks and a life of its own when asked."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payments.stripe.sim import Settlement, Sim, keeping
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.live import Life
from payments.stripe.sim.server import SimServer
from payments.stripe.sim.webhooks import Delivery, Postman

PORT = 12111
FIRST_CUSTOMERS = 5


class Command(BaseCommand):
    """Runs until interrupted; needs no database."""

    help = "Run a fake Stripe on 127.0.0.1: Stripe's API, signed webhooks, injected faults."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}, 0 for any free one")
        parser.add_argument("--webhook-url", help="where events are posted to")
        parser.add_argument("--webhook-secret", help="whsec_... that signs them")
        parser.add_argument("--latency", type=float, default=0.0, help="seconds every request waits")
        parser.add_argument("--live", type=float, metavar="SECONDS", help="let something happen every SECONDS")
        parser.add_argument(
            "--state", type=Path, metavar="FILE", help="begin with what is kept there; keep it on the way"
        )
        parser.add_argument("--seed", type=int, default=1, help="what happens, and every id, follows from it")

    def handle(self, **options: Any) -> None:
        """Serve until Ctrl-C."""
        if bool(options["webhook_url"]) != bool(options["webhook_secret"]):
            raise CommandError("--webhook-url and --webhook-secret belong together.")
        sim = _company(options)
        with ExitStack() as stack:
            server = stack.enter_context(_server(sim, options["port"]))
            stack.enter_context(Postman(sim, told=self._tell))
            self._say(f"Fake Stripe at {server.url}  STRIPE_API_BASE={server.url} STRIPE_API_KEY={API_KEY}")
            try:
                self._live(sim, options)
            except KeyboardInterrupt:
                self._say("Fake Stripe stopped.")

    def _live(self, sim: Sim, options: dict[str, Any]) -> None:
        state, life, never = options["state"], Life(sim, seed=options["seed"] + len(sim.events())), Event()

        def told(sentence: str) -> None:
            self._say(sentence)
            if state:
                keeping.save(sim, state, now=sim.now())

        if not sim.store.newest_first("customer"):
            for _ in range(FIRST_CUSTOMERS):
                told(life.happen())
        if options["live"]:
            life.run(options["live"], never, told=told)
        never.wait()

    def _tell(self, delivery: Delivery) -> None:
        self._say(f"  {delivery.event_type} {delivery.event_id} -> {delivery.status or 'no answer'}")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _clock() -> int:
    return int(time.time())


def _company(options: dict[str, Any]) -> Sim:
    if options["state"] and options["state"].exists():
        sim = keeping.load(options["state"], clock=_clock)
    else:
        rates = {"eur": Settlement("eur"), "jpy": Settlement("usd", Decimal("0.0067"))}
        sim = Sim(seed=f"live-{options['seed']}", clock=_clock, settles=rates)
    sim.faults.latency = options["latency"]
    sim.api_keys.add(settings.STRIPE_API_KEY or API_KEY)
    if options["webhook_url"]:
        sim.webhook_endpoint(options["webhook_url"], options["webhook_secret"])
    return sim


def _server(sim: Sim, port: int) -> SimServer:
    try:
        return SimServer(sim, port=port)
    except OSError as error:
        raise CommandError(f"Port {port} is taken; choose another with --port, or 0 for any free one.") from error
