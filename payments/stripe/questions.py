"""Owns the questions that the books leave open and only Stripe can answer: each is a query, asked until answered."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from payments.models import AppliedVersion, BalanceTransaction, Dispute, Payment, Payout, Refund, StripeObject
from payments.stripe.facts import AnyFacts, InvoiceFacts, SubscriptionFacts
from payments.stripe.gateway import Answer, Gateway

REFUSED: Final = "refused"
GIVEN_UP: Final = "given up"
"""What stands in the place of an object's type where Stripe would not show it; the second is never asked for again."""

_ASK_AGAIN_AFTER: Final = dt.timedelta(hours=6)
_FOR_A_WEEK: Final = dt.timedelta(days=7)
_ASK_MUCH_LATER: Final = dt.timedelta(days=30)
_AFTER_DOUBT: Final = dt.timedelta(minutes=1)
_AFTER_REFUSAL: Final = dt.timedelta(days=1)
_OF_EACH: Final = 1000  # of one sort at most, so that a sweep after an import does not read a million ids
_LINES: Final = "line_item"
_ALL_ITEMS: Final = "items"

EXPAND: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "charge": ("balance_transaction",),
        "invoice": ("payments",),
        "refund": ("balance_transaction", "failure_balance_transaction"),
        "subscription": ("discounts.source.coupon.applies_to", "items.data.price.tiers"),
    }
)
"""What is asked for along with an object, because the books need it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing to ask Stripe for: an object, or a list of `kind` that belongs to one, named by `listed_by`."""

    kind: str
    stripe_id: str
    expand: tuple[str, ...] = ()
    listed_by: str = ""

    @property
    def answered_as(self) -> str:
        """The type of object that the answer is kept as."""
        return "list" if self.listed_by else self.kind

    def put_to(self, gateway: Gateway) -> Answer:
        """Ask. Raises StripeUnreachable, StripeRefused."""
        if self.kind == _LINES:
            return gateway.lines_of_invoice(self.stripe_id)
        if self.listed_by:
            return gateway.whole_list(self.kind, self.expand, **{self.listed_by: self.stripe_id})
        if _ALL_ITEMS in self.expand:
            return _with_all_items(replace(self, expand=_without_items(self.expand)).put_to(gateway), gateway)
        return gateway.retrieve(self.kind, self.stripe_id, self.expand)

    def is_answered_by(self, kept: StripeObject) -> bool:
        """Say whether this is what a kept object answers; two lists of one owner are told apart by their address."""
        if kept.object_type != "list" or not self.listed_by:
            return kept.object_type == self.answered_as
        url = str(json.loads(bytes(kept.payload))["url"])
        return url.endswith("/lines") if self.kind == _LINES else f"/{self.kind}s?{self.listed_by}=" in url


def open_questions(*, now: dt.datetime) -> Iterator[Question]:
    """Yield what the books lack, as much as one sweep may ask.

    What Stripe answered without telling it is asked again after hours and, once that has lasted a week, each month.
    """
    yield from _doubts(now)
    yield from _fees(now)
    yield from _entries_of_refunds(now)
    yield from _entries_of_disputes(now)
    yield from _refunds_of_charges(now)
    yield from _contents_of_payouts(now)


def left_out_by(facts: Iterable[AnyFacts]) -> Iterator[Question]:
    """Yield what an object named only by id, or cut off: terms of a subscription, lines and payments of an invoice."""
    for one in facts:
        if isinstance(one, SubscriptionFacts) and one.to_expand:
            yield Question(kind="subscription", stripe_id=one.stripe_id, expand=one.to_expand)
        if isinstance(one, InvoiceFacts) and not one.lines_are_complete:
            yield Question(kind=_LINES, stripe_id=one.stripe_id, listed_by="invoice")
        if isinstance(one, InvoiceFacts) and _was_tried_by_unknown_means(one):
            yield Question(kind="invoice_payment", stripe_id=one.stripe_id, listed_by="invoice")


def was_asked_since(question: Question, moment: dt.datetime) -> bool:
    """Say whether Stripe has answered, or refused, this after a moment."""
    since = StripeObject.objects.filter(stripe_id=question.stripe_id, fetched_at__gt=moment)
    return any(kept.object_type in (REFUSED, GIVEN_UP) or question.is_answered_by(kept) for kept in since)


def _was_tried_by_unknown_means(invoice: InvoiceFacts) -> bool:
    """Since basil an invoice does not say which payment failed; only the list of its payments does."""
    is_told = invoice.payment_intent_id or invoice.charge_id or invoice.invoice_payments
    return invoice.status == "open" and invoice.attempt_count > 0 and not is_told


def _doubts(now: dt.datetime) -> Iterator[Question]:
    """An answer of a later second ends the doubt, unless the books cannot take it: then another is of no haste."""
    doubted = AppliedVersion.objects.doubted().exclude(object_type="")
    in_vain = Q(fetched_at__gt=now - _ASK_AGAIN_AFTER) & Q(fetched_at__gt=OuterRef("doubted_at"))
    asked = Q(fetched_at__gt=now - _AFTER_DOUBT) | in_vain | _refused(now)
    unasked = doubted.filter(~Exists(_kept("stripe_id").filter(asked)))
    for stripe_id, kind in unasked.values_list("pk", "object_type")[:_OF_EACH]:
        yield Question(kind=kind, stripe_id=stripe_id, expand=EXPAND.get(kind, ()))


def _fees(now: dt.datetime) -> Iterator[Question]:
    """The ledger entry by its id or, where the payment does not know it yet, the charge with its entry."""
    payments = Payment.objects.without_fee().order_by("pk")
    named = payments.exclude(stripe_balance_transaction_id="")
    yield from _of(named, "stripe_balance_transaction_id", "balance_transaction", now)
    unnamed = payments.filter(stripe_balance_transaction_id="").exclude(stripe_charge_id=None)
    yield from _of(unnamed, "stripe_charge_id", "charge", now)


def _entries_of_refunds(now: dt.datetime) -> Iterator[Question]:
    known = BalanceTransaction.objects.filter(stripe_id=OuterRef("stripe_balance_transaction_id"))
    refunds = Refund.objects.exclude(stripe_balance_transaction_id="").filter(~Exists(known)).order_by("pk")
    yield from _of(refunds, "stripe_balance_transaction_id", "balance_transaction", now)
    given_back = BalanceTransaction.objects.filter(source_id=OuterRef("stripe_refund_id"), amount_cents__gt=0)
    yield from _of(
        Refund.objects.failed().filter(~Exists(given_back)).order_by("pk"), "stripe_refund_id", "refund", now
    )


def _entries_of_disputes(now: dt.datetime) -> Iterator[Question]:
    """A dispute carries its entries whole; API versions that named them by id left them to be asked for."""
    known = BalanceTransaction.objects.filter(source_id=OuterRef("stripe_dispute_id"))
    withdrawn = Dispute.objects.exclude(funds_withdrawn_at=None).filter(~Exists(known)).order_by("pk")
    yield from _of(withdrawn, "stripe_dispute_id", "dispute", now)


def _refunds_of_charges(now: dt.datetime) -> Iterator[Question]:
    payments = Payment.objects.with_untold_refunds().exclude(stripe_charge_id=None).order_by("pk")
    yield from _of(payments, "stripe_charge_id", "refund", now, listed_by="charge")


def _contents_of_payouts(now: dt.datetime) -> Iterator[Question]:
    payouts = Payout.objects.with_unknown_contents().order_by("pk")
    yield from _of(payouts, "stripe_payout_id", "balance_transaction", now, listed_by="payout")


def _of(rows: QuerySet[Any], column: str, kind: str, now: dt.datetime, *, listed_by: str = "") -> Iterator[Question]:
    """Yield the question about each row that Stripe has not answered lately."""
    unasked = rows.filter(~_answered(column, now, kind="list" if listed_by else kind))
    for stripe_id in unasked.values_list(column, flat=True)[:_OF_EACH]:
        yield Question(
            kind=kind, stripe_id=stripe_id, expand=() if listed_by else EXPAND.get(kind, ()), listed_by=listed_by
        )


def _answered(column: str, now: dt.datetime, *, kind: str) -> Q:
    """Match rows whose question Stripe has answered or refused of late, or answers for over a week without telling."""
    kept = _kept(column)
    answers = kept.filter(object_type=kind)
    lately = kept.filter(Q(object_type=kind, fetched_at__gt=now - _ASK_AGAIN_AFTER) | _refused(now))
    this_month = answers.filter(fetched_at__gt=now - _ASK_MUCH_LATER)
    return Q(Exists(lately)) | Q(Exists(answers.filter(fetched_at__lte=now - _FOR_A_WEEK)), Exists(this_month))


def _refused(now: dt.datetime) -> Q:
    """Match what Stripe refused a day ago at most, or for good."""
    return Q(object_type=REFUSED, fetched_at__gt=now - _AFTER_REFUSAL) | Q(object_type=GIVEN_UP)


def _kept(column: str) -> QuerySet[StripeObject]:
    return StripeObject.objects.filter(stripe_id=OuterRef(column))


def _with_all_items(answer: Answer, gateway: Gateway) -> Answer:
    """Put the whole list of its items into a subscription; their coupons lie too deep to be expanded from above."""
    terms = ("data.discounts.source.coupon", "data.price.tiers")
    items = gateway.whole_list("subscription_item", terms, subscription=answer.body["id"])
    return replace(answer, body={**answer.body, "items": items.body})


def _without_items(expand: Iterable[str]) -> tuple[str, ...]:
    return tuple(path for path in expand if path != _ALL_ITEMS)
