"""Owns what the pages of Stripe's rows tell below their fields: where the money went, and what Stripe said about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from django.db.models import Count, Sum
from django.http import HttpRequest

from billing_site.kit.admin import Panel, badge, link_to, list_url, may_see, money_cell
from billing_site.kit.admin.panels import MOST_ROWS, register
from billing_site.kit.admin.words import day_text, moment_text
from billing_site.kit.money import Money
from invoices.models import CreditNote, Customer, Invoice
from payments.admin import tones
from payments.admin.evidence import said_about
from payments.models import (
    BalanceTransaction,
    Dispute,
    InvoicePayment,
    MrrMovement,
    Payment,
    Payout,
    Refund,
    StripeEvent,
    Subscription,
)

_LEDGER_HEADS = ("Movement", "Category", "On")
_LEDGER_AMOUNTS = ("Amount", "Fee", "Net")


@register(Payment)
def payment_story(payment: Payment, request: HttpRequest) -> Iterator[Panel]:
    """What came back, what was disputed, what Stripe's ledger says of all of it."""
    refunds, disputes = (
        list(payment.refunds.order_by("created_at", "pk")),
        list(payment.disputes.order_by("created_at")),
    )
    if may_see(request, Refund):
        yield Panel("Refunds", ("Refund", "State", "On"), [_refund(row) for row in refunds], amounts=("Amount",))
    if may_see(request, Dispute):
        heads = ("Dispute", "State", "Reason")
        yield Panel("Disputes", heads, [_dispute(row) for row in disputes], amounts=("Amount",))
    parts = [*(row.stripe_refund_id for row in refunds), *(row.stripe_dispute_id for row in disputes)]
    own = [payment.stripe_payment_intent_id, payment.stripe_charge_id]
    yield from _ledger([*own, *parts], request)
    ties = InvoicePayment.objects.of_payment(
        payment_intent_id=payment.stripe_payment_intent_id, charge_id=payment.stripe_charge_id
    )
    yield from said_about([*own, *parts, *ties.values_list("stripe_id", flat=True)], request)


@register(Refund)
def refund_story(refund: Refund, request: HttpRequest) -> Iterator[Panel]:
    yield from _ledger([refund.stripe_refund_id], request)
    yield from said_about([refund.stripe_refund_id], request)


@register(Dispute)
def dispute_story(dispute: Dispute, request: HttpRequest) -> Iterator[Panel]:
    yield from _ledger([dispute.stripe_dispute_id], request)
    yield from said_about([dispute.stripe_dispute_id], request)


@register(Payout)
def payout_story(payout: Payout, request: HttpRequest) -> Iterator[Panel]:
    """What the payout took to the bank, and whether that adds up to it."""
    if may_see(request, BalanceTransaction):
        yield _contents(payout)
    yield from said_about([payout.stripe_payout_id], request)


@register(Subscription)
def subscription_story(subscription: Subscription, request: HttpRequest) -> Iterator[Panel]:
    if may_see(request, MrrMovement):
        newest = subscription.mrr_movements.order_by("-occurred_at", "-pk")[:MOST_ROWS]
        yield Panel(
            "MRR movements",
            ("Movement", "On"),
            [_mrr_movement(row) for row in newest],
            amounts=("Before", "After", "Change"),
            none="It has never been worth anything a month.",
            url=list_url(MrrMovement, subscription__id__exact=subscription.pk),
            is_wide=True,
        )
    yield from said_about([subscription.stripe_subscription_id], request)


@register(Invoice)
def invoice_evidence(invoice: Invoice, request: HttpRequest) -> Iterator[Panel]:
    if invoice.stripe_invoice_id:
        ties = InvoicePayment.objects.of_invoice(invoice.stripe_invoice_id).values_list("stripe_id", flat=True)
        notes = invoice.credit_notes.values_list("stripe_credit_note_id", flat=True)
        yield from said_about([invoice.stripe_invoice_id, *ties, *notes], request)


@register(Customer)
def customer_evidence(customer: Customer, request: HttpRequest) -> Iterator[Panel]:
    yield from said_about([customer.stripe_customer_id], request)


@register(CreditNote)
def credit_note_evidence(note: CreditNote, request: HttpRequest) -> Iterator[Panel]:
    yield from said_about([note.stripe_credit_note_id], request)


@register(BalanceTransaction)
def movement_evidence(movement: BalanceTransaction, request: HttpRequest) -> Iterator[Panel]:
    yield from said_about([movement.source_id, movement.stripe_id], request)


@register(StripeEvent)
def neighbours(event: StripeEvent, request: HttpRequest) -> Iterator[Panel]:
    """What else Stripe said about the same object."""
    yield from said_about([event.object_id], request, but=event.pk)


def _contents(payout: Payout) -> Panel:
    found = BalanceTransaction.objects.of_payout(payout.stripe_payout_id)
    newest = found.order_by("-created_at", "-pk")[:MOST_ROWS]
    return Panel(
        "What it paid out",
        _LEDGER_HEADS,
        [_movement(row) for row in newest],
        amounts=_LEDGER_AMOUNTS,
        none="Its contents have not been fetched yet." if payout.is_automatic else "A payout made by hand has no list.",
        url=list_url(BalanceTransaction, q=payout.stripe_payout_id),
        note=_proof(payout, found.aggregate(count=Count("pk"), net=Sum("net_cents"))),
        is_wide=True,
    )


def _proof(payout: Payout, totals: dict[str, Any]) -> str:
    """Say whether the movements come to the amount that went to the bank."""
    if not totals["count"]:
        return ""
    net, amount = Money(totals["net"], payout.currency), Money(payout.amount_cents, payout.currency)
    come = f"{totals['count']} movements come to {net.format()}"
    if net == amount:
        return f"{come}, which is the payout."
    return f"{come}, {abs(net - amount).format()} {'more' if net > amount else 'less'} than the payout."


def _ledger(sources: Iterable[str | None], request: HttpRequest) -> Iterator[Panel]:
    if may_see(request, BalanceTransaction):
        known = [one for one in sources if one]
        found = BalanceTransaction.objects.filter(source_id__in=known).order_by("created_at", "pk")
        yield Panel(
            "In Stripe's ledger",
            _LEDGER_HEADS,
            [_movement(row) for row in found[:MOST_ROWS]],
            amounts=_LEDGER_AMOUNTS,
            is_wide=True,
        )


def _movement(row: BalanceTransaction) -> tuple[Any, ...]:
    amounts = (money_cell(cents, row.currency) for cents in (row.amount_cents, row.fee_cents, row.net_cents))
    return tuple(chain([link_to(row), row.reporting_category.replace("_", " "), day_text(row.created_at)], amounts))


def _refund(row: Refund) -> tuple[Any, ...]:
    state = badge(row.status.replace("_", " "), tones.REFUND.get(row.status, ""))
    return link_to(row), state, day_text(row.created_at), money_cell(row.amount_cents, row.currency)


def _dispute(row: Dispute) -> tuple[Any, ...]:
    state = badge(row.status.replace("_", " "), tones.DISPUTE.get(row.status, ""))
    return link_to(row), state, row.reason.replace("_", " "), money_cell(row.amount_cents, row.currency)


def _mrr_movement(row: MrrMovement) -> tuple[Any, ...]:
    amounts = (money_cell(cents, row.currency) for cents in (row.before_cents, row.after_cents, row.change_cents))
    return (badge(row.get_kind_display(), tones.MRR.get(row.kind, "")), moment_text(row.occurred_at), *amounts)
