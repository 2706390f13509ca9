"""`manage.py check_demo`: ask the running demo whether it keeps its word; exit 1 with the first thing it does not."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing_site.demo import cast
from billing_site.kit.periods import month_of
from invoices.documents import DocumentDamaged, open_document
from invoices.models import Invoice
from reporting.answers import revenue_answer
from reporting.exact_json import exact_json
from reporting.invariants import broken_invariants
from reporting.models import Reconciliation

HTTP_OK = 200
TRIES = 3
"""A payment may arrive between the two questions that must have one answer."""


class Command(BaseCommand):
    help = "Check that the last month is billed and printed, the books balance, and the site says the same."

    def handle(self, **_: Any) -> None:
        address = os.environ.get("DEMO_ADDRESS", "http://127.0.0.1:8000")
        invoices = _billed_last_month()
        documents = _intact_documents(invoices)
        _refuse_broken_books()
        if not Reconciliation.objects.exists():
            raise CommandError("Nothing was reconciled.")
        _answer(f"{address}/admin/login/")
        _refuse_other_revenue(f"{address}/admin/revenue")
        self.stdout.write(
            f"  Checked: {len(invoices)} invoices of last month, {documents} PDFs as they were written, "
            "the books balance, the site signs in and shows the same revenue."
        )


def _billed_last_month() -> list[Invoice]:
    month = month_of(timezone.now(), ZoneInfo(settings.BILLING_TIME_ZONE)).previous_month()
    invoices = list(Invoice.objects.issued().filter(billed_period__period_start=month.start))
    if not invoices:
        raise CommandError(f"No invoice was issued for {month.label()}.")
    return invoices


def _intact_documents(invoices: list[Invoice]) -> int:
    for invoice in invoices:
        kept = list(invoice.documents.all())
        if not kept:
            raise CommandError(f"Invoice {invoice} has no PDF.")
        try:
            open_document(kept[0])
        except (DocumentDamaged, OSError) as error:
            raise CommandError(f"The PDF of invoice {invoice} is not as it was written: {error}") from error
    return len(invoices)


def _refuse_broken_books() -> None:
    if broken := broken_invariants():
        raise CommandError(f"The books do not balance: {broken[0].name}, {broken[0].detail}.")


def _refuse_other_revenue(url: str) -> None:
    for _ in range(TRIES):
        answered = json.loads(_answer(url, key=cast.company()["service_key"]["key"]))
        if answered == json.loads(exact_json(_own_revenue())):
            return
    raise CommandError(f"{url} does not show the revenue of the books.")


def _own_revenue() -> dict[str, Any]:
    zone = ZoneInfo(settings.BILLING_TIME_ZONE)
    return revenue_answer(currency=settings.REPORTING_CURRENCY, as_of=timezone.localdate(), zone=zone)


def _answer(url: str, *, key: str = "") -> bytes:
    asked = urllib.request.Request(url, headers={"Authorization": f"Api-Key {key}"} if key else {})  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - our own loopback address
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise CommandError(f"{url} answered {error.code} instead of {HTTP_OK}.") from error
    except OSError as error:
        raise CommandError(f"{url} cannot be reached: {error}.") from error
