"""A small company with a row in every table of the back office, and people of each role to look at it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Group, Permission, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from billing_site.kit.enums import JobState
from billing_site.kit.models import Approval, ExportJob, JobRun, ServiceKey
from billing_site.kit.periods import Period
from invoices.enums import DocumentKind
from invoices.models import Document, Invoice
from invoices.services import CreditLine, copy_stripe_invoice, issue_credit_note, queue_invoice
from partners.models import (
    ApiUsage,
    Correction,
    PartnerApiKey,
    PurchaseOrder,
    RequestBatch,
    UsageArchive,
    UsageConflict,
    UsageEvent,
)
from partners.services import approve_run, build_run, issue_run
from payments.models import (
    AccountImport,
    Allocation,
    AppliedVersion,
    Credit,
    Dispute,
    EventListing,
    MrrMovement,
    Payout,
    SigningSecret,
    StripeEvent,
    StripeObject,
    Subscription,
)
from payments.services import grant_credit, record_manual_payment, use_credit
from reporting.models import Break, Reconciliation
from tests.books import NOW, TODAY, a_customer, a_draft, an_invoice
from tests.partners.agreements import a_contract, a_partner
from tests.reporting import rows

_numbers = count(1)
OCTOBER = Period.month(2026, 10, ZoneInfo("UTC"))


def someone(role: str = "", *codes: str, **fields: Any) -> User:
    """A person of the staff with a role, or with single permissions."""
    person = User.objects.create_user(f"person-{next(_numbers)}", password="x", is_staff=True, **fields)
    if role:
        person.groups.add(Group.objects.get(name=role))
    for code in codes:
        app, codename = code.split(".")
        person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return person


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def a_document(invoice: Invoice, content: bytes = b"%PDF-1.7 test") -> Document:
    name = default_storage.save(f"invoices/{invoice.pk}-{next(_numbers)}.pdf", ContentFile(content))
    return Document.objects.create(
        kind=DocumentKind.INVOICE,
        invoice=invoice,
        file_name=name,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )


def a_stripe_event(status: str = "applied", **fields: Any) -> StripeEvent:
    number = next(_numbers)
    payload = {
        "id": f"evt_{number}",
        "object": "event",
        "type": "invoice.paid",
        "data": {"object": {"id": f"in_{number}"}},
    }
    given = {
        "event_id": f"evt_{number}",
        "type": "invoice.paid",
        "livemode": False,
        "object_id": f"in_{number}",
        "payload": json.dumps(payload).encode(),
        "stripe_created_at": NOW,
        "received_at": NOW,
        "next_attempt_at": NOW,
        "status": status,
    }
    return StripeEvent.objects.create(**(given | fields))


def a_stripe_invoice(**fields: Any) -> Invoice:
    number = next(_numbers)
    given = {
        "customer": a_customer(stripe_customer_id=f"cus_{number}"),
        "status": "paid",
        "currency": "EUR",
        "subtotal_cents": 2900,
        "total_cents": 2900,
        "amount_paid_cents": 2900,
        "invoice_number": f"ABC-{number:04}",
        "issue_date": TODAY,
        "due_date": TODAY,
    }
    line = {
        "stripe_line_id": f"il_{number}",
        "position": 1,
        "description": "Pro plan",
        "quantity": Decimal(1),
        "unit_price": Decimal(29),
        "amount_cents": 2900,
    }
    return copy_stripe_invoice(stripe_invoice_id=f"in_{number}x", lines=[line], **(given | fields))[0]


def a_paid_invoice(**fields: Any) -> Invoice:
    """Paid by bank transfer, with more than it needed."""
    invoice = an_invoice("100.00", tax_rate=Decimal("0.19"), **fields)
    record_manual_payment(
        customer=invoice.customer,
        amount_cents=invoice.total_cents + 500,
        currency=invoice.currency,
        received_at=NOW,
        method="bank transfer",
        reference=f"RF{next(_numbers):08}",
        now=NOW,
        by="ada",
        invoice=invoice,
    )
    return Invoice.objects.get(pk=invoice.pk)


def a_credit_in_use() -> Credit:
    invoice = an_invoice("80.00")
    credit = grant_credit(
        customer=invoice.customer, kind="goodwill", amount_cents=5000, currency="EUR", reason="Outage", by="ada"
    )
    use_credit(credit=credit, invoice=invoice, amount_cents=2000, now=NOW, by="ada")
    return Credit.objects.get(pk=credit.pk)


def a_credit_note() -> Any:
    invoice = an_invoice("50.00")
    line = CreditLine(description="Item 1", amount_cents=1000, invoice_line=invoice.lines.get())
    return issue_credit_note(invoice=invoice, lines=[line], reason="Price", on=TODAY, now=NOW, by="ada")


def a_delivery() -> Any:
    invoice = an_invoice("30.00", customer=a_customer(email="ap@nordlicht.example"))
    return queue_invoice(invoice=invoice, by="ada", now=NOW)


def a_break(run: Reconciliation, **fields: Any) -> Break:
    given = {
        "reconciliation": run,
        "kind": "missing_here",
        "stripe_id": f"ch_{next(_numbers)}x",
        "currency": "EUR",
        "difference_cents": 4200,
        "theirs": {"day": "2026-10-31", "amount_cents": 4200, "fee_cents": 120},
        "found_at": NOW,
    }
    return Break.objects.create(**(given | fields))


def a_reconciliation(**fields: Any) -> Reconciliation:
    given = {
        "period_start": dt.date(2026, 10, 31),
        "period_end": dt.date(2026, 11, 1),
        "started_at": NOW,
        "finished_at": NOW + dt.timedelta(seconds=2),
        "theirs_count": 12,
        "ours_count": 11,
        "matched_count": 11,
        "break_count": 1,
        "totals": {"EUR": {"theirs": 100000, "ours": 95800, "difference": 4200}},
    }
    return Reconciliation.objects.create(**(given | fields))


def a_billed_month(name: str = "") -> None:
    """A partner with a flat contract, billed for October by an approved run."""
    contract = a_contract("flat", partner=a_partner(name))
    run = approve_run(run=build_run(period=OCTOBER, now=NOW, by="ada", partner=contract.partner), now=NOW, by="ada")
    issue_run(run=run, on=TODAY, now=NOW, by="ada")
    PartnerApiKey.objects.create_key(name=f"gateway {next(_numbers)}", partner=contract.partner)
    ApiUsage.objects.create(partner=contract.partner, event_type="deed", day=TODAY, requests=12, quantity=12)
    UsageEvent.objects.create(
        id=hashlib.md5(str(next(_numbers)).encode()).hexdigest(),  # noqa: S324 - any identity will do
        partner=contract.partner,
        event_type="deed",
        quantity=1,
        occurred_at=NOW,
        idempotency_key=f"key-{next(_numbers)}",
    )
    what_came_of_usage(contract)


def what_came_of_usage(contract: Any) -> None:
    """An order, late usage settled without money, a contradiction, a batch of counts, and a month moved to a file."""
    number, partner = next(_numbers), contract.partner
    PurchaseOrder.objects.create(partner=partner, number=f"PO-{number}", currency="USD")
    billed = contract.billed_periods.get()
    Correction.objects.create(billed_period=billed, run=billed.run, usage=billed.usage, currency="USD", net_cents=0)
    batch = RequestBatch.objects.create(
        id=uuid.UUID(int=number), partner=partner, idempotency_key=f"batch-{number}", body_sha256=f"{number:064}"
    )
    UsageConflict.objects.create(
        partner=partner, idempotency_key=batch.idempotency_key, kept_id=batch.pk, sent={}, sent_sha256=f"{number:064}",
        first_at=NOW, last_at=NOW,
    )  # fmt: skip
    september = OCTOBER.previous_month()
    UsageArchive.objects.create(
        partner=partner, period_start=september.start, period_end=september.end, starts_at=september.starts_at,
        ends_at=september.ends_at, events=0, sums={}, file_name=f"usage/{number}.csv", size=1, sha256=f"{number:064}",
    )  # fmt: skip


def stripe_facts() -> None:
    """One of everything that only Stripe writes."""
    customer = a_customer(stripe_customer_id=f"cus_{next(_numbers)}y")
    paid = rows.payment(
        5000, "2026-10-31T23:30", fee=175, customer=customer, invoice=a_stripe_invoice(customer=customer)
    )
    rows.refund(paid, 1000, "2026-11-01T07:00")
    number = next(_numbers)
    Dispute.objects.create(
        stripe_dispute_id=f"dp_{number}",
        payment=paid,
        amount_cents=5000,
        currency="EUR",
        status="needs_response",
        reason="fraudulent",
        created_at=NOW,
    )
    Payout.objects.create(
        stripe_payout_id=f"po_{number}",
        amount_cents=900,
        currency="EUR",
        status="paid",
        arrival_date=TODAY,
        created_at=NOW,
    )
    Subscription.objects.create(
        customer=customer,
        stripe_subscription_id=f"sub_{number}",
        status="active",
        plan="Pro",
        currency="EUR",
        mrr_cents=2900,
        billing_cycle="monthly",
        created_at=NOW,
    )
    StripeObject.objects.create(
        stripe_id=f"txn_{number}",
        object_type="balance_transaction",
        api_version="x",
        payload=b"{}",
        sha256=f"{number:064}",
        fetched_at=NOW,
    )
    a_stripe_event("applied")
    a_stripe_event("dead", last_error="Traceback")
    a_stripe_event("skipped", source="list", last_error="Traceback", skipped_reason="A test", skipped_by="ada")
    what_stripe_was_asked()


def what_stripe_was_asked() -> None:
    """A movement of MRR, a version in doubt, a listing, an import, a signing secret."""
    number = next(_numbers)
    subscription = Subscription.objects.latest("pk")
    MrrMovement.objects.create(
        subscription=subscription,
        customer=subscription.customer,
        kind="new",
        occurred_at=NOW,
        before_cents=0,
        after_cents=2900,
        change_cents=2900,
        currency="EUR",
    )
    AppliedVersion.objects.create(
        stripe_id=f"sub_{number}", object_type="subscription", seen_created=1_793_000_000, doubted_at=NOW
    )
    EventListing.objects.create(
        listed_from=NOW - dt.timedelta(hours=3), listed_until=NOW, found=12, kept=1, finished_at=NOW
    )
    AccountImport.objects.create(object_type="invoice", since=NOW - dt.timedelta(days=number), read=9, started_at=NOW)
    SigningSecret.objects.create(
        endpoint_uuid=uuid.UUID(int=number), secret=f"whsec_never_to_be_shown_{number}", added_at=NOW, added_by="ada"
    )


def everything() -> None:
    """A row in every table that has a page."""
    a_draft("10.00")
    a_document(a_paid_invoice())
    a_credit_in_use()
    a_credit_note()
    a_delivery()
    stripe_facts()
    a_billed_month()
    run = a_reconciliation()
    a_break(run)
    a_break(run, kind="amount", ours={"amount_cents": 1}, difference_cents=-99)
    JobRun.objects.create(
        job="payments.tasks.apply_stripe_events", state=JobState.DONE, started_at=timezone.now(), outcome="3 applied"
    )
    person = someone()
    ExportJob.objects.create(requested_by=person, model="invoices.invoice", file_format="csv", state=JobState.DONE)
    Approval.objects.create(subject="partners.billingrun:1", decision="approved", decided_by=person, decided_at=NOW)
    ServiceKey.objects.create_key(name=f"dashboard {next(_numbers)}", scopes=["reports:read"])
    assert Allocation.objects.exists()
