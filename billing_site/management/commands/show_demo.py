"""`manage.py show_demo`: what the demo has to show, and how to get in."""

from __future__ import annotations

import json
import os
import typing
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from billing_site.demo import cast
from billing_site.kit.money import Money
from invoices.models import Document, Invoice
from reporting.models import Break
from reporting.recurring import Recurring, recurring_by_currency
from reporting.revenue import Revenue, revenue_by_currency


class Command(BaseCommand):
    help = "Show the demo's revenue, where its PDFs are, who can sign in and what to try."

    def handle(self, **_: Any) -> None:
        if not settings.DEMO_DATA:
            raise CommandError("This is no demo: DEMO_DATA is not set.")
        self.console = Console(
            file=typing.cast("typing.IO[str]", self.stdout),
            width=None if self.stdout.isatty() else 140,
            highlight=False,
        )
        self.address = os.environ.get("DEMO_ADDRESS", "http://127.0.0.1:8000")
        self.console.print(_revenue_table())
        self._say_what_is_here()
        self.console.print(_users_table())
        self._say_what_to_try()

    def _say_what_is_here(self) -> None:
        stored = isinstance(default_storage, FileSystemStorage) or hasattr(default_storage, "location")
        place = default_storage.path("invoices") if stored else "the bucket of FILES"
        waiting = Invoice.objects.awaiting_document().count()
        later = f"; {waiting} older ones follow from the worker" if waiting else ""
        self.console.print(f"{Document.objects.count()} PDFs under {place}{later}.", soft_wrap=True)
        overdue = Invoice.objects.overdue(on=timezone.localdate()).count()
        self.console.print(f"{overdue} invoices overdue, {Break.objects.open().count()} breaks to work on.")

    def _say_what_to_try(self) -> None:
        for number, (what, how) in enumerate([*_pages(f"{self.address}/admin"), *_calls(self.address)], start=1):
            self.console.print(f"  {number}. {what}\n     [cyan]{escape(how)}[/]", soft_wrap=True)


def _pages(admin: str) -> list[tuple[str, str]]:
    return [
        ("The dashboard, as finn with the password demo", f"{admin}/"),
        ("The month that was just billed, beside the month before", f"{admin}/partners/billingrun/"),
        ("A draft to change and issue", f"{admin}/invoices/invoice/?status__exact=draft"),
        ("What Stripe says and the books do not", f"{admin}/reporting/break/"),
        ("A deed that came twice under one key, with two bodies", f"{admin}/partners/usageconflict/"),
        ("Stripe's events, a new one every 20 seconds", f"{admin}/payments/stripeevent/"),
    ]


def _calls(address: str) -> list[tuple[str, str]]:
    """Return what a machine can try: to read the revenue, and to count a deed."""
    partner, key = cast.partners()[0], cast.company()["service_key"]["key"]
    partner_key = f"{partner['key_prefixes'][0]}.{cast.company()['partner_key_secret']}"
    now = f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}"
    event = json.dumps({"idempotency_key": "try-1", "event_type": "deed", "occurred_at": now})
    post = f"curl {_as(partner_key)} -H 'Content-Type: application/json' -d '{{\"events\": [{event}]}}'"
    return [
        ("The revenue for machines", f"curl {_as(key)} {address}/admin/revenue"),
        ("Reconcile from the command line", f"{_pretended_stripe()} .venv/bin/python manage.py reconcile"),
        (f"A deed used by {partner['name']}", f"{post} {address}/api/v1/usage-events"),
    ]


def _pretended_stripe() -> str:
    return f"STRIPE_API_BASE={settings.STRIPE_API_BASE} STRIPE_API_KEY={settings.STRIPE_API_KEY}"


def _as(key: str) -> str:
    return f"-H 'Authorization: Api-Key {key}'"


def _revenue_table() -> Table:
    as_of, zone = timezone.localdate(), ZoneInfo(settings.BILLING_TIME_ZONE)
    recurring = recurring_by_currency()
    found = list(revenue_by_currency(as_of=as_of, zone=zone).values())
    last, this = (month.period.label() for month in found[0].months[-2:]) if found else ("last month", "this month")
    table = Table(title=f"Revenue as of {as_of}")
    for heading in ("", f"{last} gross", "fees", "refunds", "disputes", "net", f"{this} gross", "MRR", "ARR"):
        table.add_column(heading, justify="right")
    for one in found:
        table.add_row(one.currency, *_amounts(one, recurring.get(one.currency, Recurring())))
    return table


def _amounts(one: Revenue, recurring: Recurring) -> list[str]:
    last = one.months[-2].movements
    cents = [last.gross_cents, last.fees_cents, last.refunds_cents, last.dispute_losses_cents, last.net_cents]
    cents += [one.this_month.gross_cents, recurring.mrr_cents, recurring.arr_cents]
    return [Money(amount, one.currency).format() for amount in cents]


def _users_table() -> Table:
    table = Table("User", "Name", "Role", "Password", title="Who can sign in")
    for row in cast.company()["users"]:
        name = f"{row['first_name']} {row['last_name']}"
        table.add_row(row["username"], name, row["role"], cast.company()["password"])
    return table
