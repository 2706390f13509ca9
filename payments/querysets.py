"""The sentences one can say about payments and the inbox."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from payments.enums import EventStatus, PaymentOrigin, PaymentStatus
from payments.stripe.handled import HANDLED_EVENT_TYPES

if TYPE_CHECKING:
    from payments.models import StripeEvent

RECEIVED = (PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


class StripeEventQuerySet(models.QuerySet):
    def due(self, *, now: dt.datetime) -> Self:
        """Waiting for a worker, the longest due first; of those due at once the oldest."""
        due = self.filter(status=EventStatus.PENDING, next_attempt_at__lte=now)
        return due.order_by("next_attempt_at", "stripe_created_at", "id")

    def dead(self) -> Self:
        return self.filter(status=EventStatus.DEAD)

    def pending(self) -> Self:
        return self.filter(status=EventStatus.PENDING)

    def unhandled(self) -> Self:
        """Kept, of a type the books do not act on."""
        return self.filter(status=EventStatus.UNHANDLED)

    def laid_aside(self) -> Self:
        return self.filter(status=EventStatus.SKIPPED)

    def handled(self) -> Self:
        """Of a type the books act on."""
        return self.filter(type__in=HANDLED_EVENT_TYPES)

    def in_order(self) -> Self:
        """As Stripe made them; those of one second as they came in."""
        return self.order_by("stripe_created_at", "id")

    def to_mirror(self, *, now: dt.datetime) -> Self:
        """In the books, and the mirror has yet to show it; what it could not show before comes last."""
        due = self.unmirrored().exclude(next_mirror_at__gt=now)
        return due.order_by(F("next_mirror_at").asc(nulls_first=True), "stripe_created_at", "id")

    def unmirrored(self) -> Self:
        return self.filter(mirrored_at=None, status__in=(EventStatus.APPLIED, EventStatus.UNHANDLED))

    def newer_of_same_object(self, event: StripeEvent) -> Self:
        """Tell what came after `event` about the same object, and is not laid aside."""
        later = Q(stripe_created_at__gt=event.stripe_created_at)
        tied = Q(stripe_created_at=event.stripe_created_at, pk__gt=event.pk)
        same = self.filter(later | tied, object_id=event.object_id, object_type=event.object_type)
        return same.exclude(status__in=(EventStatus.DEAD, EventStatus.SKIPPED))


class AppliedVersionQuerySet(models.QuerySet):
    def doubted(self) -> Self:
        """Told in two ways within one second; the longest in doubt first."""
        return self.filter(doubted_at__isnull=False).order_by("doubted_at", "stripe_id")


class InvoicePaymentQuerySet(models.QuerySet):
    def standing(self) -> Self:
        """Not given up; the one that settles first."""
        return self.exclude(status="canceled").order_by("-paid_at", "stripe_id")

    def of_payment(self, *, payment_intent_id: str | None, charge_id: str | None) -> Self:
        by_intent = Q(stripe_payment_intent_id=payment_intent_id) if payment_intent_id else Q(pk=None)
        by_charge = Q(stripe_charge_id=charge_id) if charge_id else Q(pk=None)
        return self.filter(by_intent | by_charge)

    def of_invoice(self, stripe_invoice_id: str) -> Self:
        return self.filter(stripe_invoice_id=stripe_invoice_id)


class BalanceTransactionQuerySet(models.QuerySet):
    def of_payout(self, stripe_payout_id: str) -> Self:
        """What a payout took to the bank, without the movement of the payout itself."""
        return self.filter(stripe_payout_id=stripe_payout_id).exclude(source_id=stripe_payout_id)


class PaymentQuerySet(models.QuerySet):
    def with_untold_refunds(self) -> Self:
        """More was given back, by the charge's own word, than the refunds we know of make up."""
        told = Coalesce(Sum("refunds__amount_cents"), 0, output_field=models.BigIntegerField())
        given_back = self.from_stripe().filter(refund_amount_cents__gt=0)
        return given_back.annotate(told_cents=told).filter(refund_amount_cents__gt=F("told_cents"))

    def received(self) -> Self:
        """Money that came in, whatever was given back later."""
        return self.filter(status__in=RECEIVED)

    def failed(self) -> Self:
        return self.filter(status=PaymentStatus.FAILED)

    def but_of_stripes_invoices(self) -> Self:
        """Without the money that paid an invoice at Stripe, which the invoice itself tells."""
        return self.exclude(origin=PaymentOrigin.STRIPE, invoice__isnull=False, status__in=RECEIVED)

    def manual(self) -> Self:
        return self.filter(origin=PaymentOrigin.MANUAL)

    def from_stripe(self) -> Self:
        return self.filter(origin=PaymentOrigin.STRIPE)

    def without_fee(self) -> Self:
        """Succeeded at Stripe, fee and net not yet known."""
        return self.from_stripe().received().filter(stripe_fee_cents=None)

    def naming(self, *, payment_intent_id: str = "", charge_id: str = "") -> Self:
        """Known by its intent, or else by its charge."""
        by_intent = Q(stripe_payment_intent_id=payment_intent_id) if payment_intent_id else Q(pk=None)
        by_charge = Q(stripe_charge_id=charge_id) if charge_id else Q(pk=None)
        return self.filter(by_intent | by_charge)

    def tied_by(self, ties: InvoicePaymentQuerySet) -> Self:
        """Payments that settle an invoice by one of these ties."""
        ties = ties.order_by()
        intents = ties.exclude(stripe_payment_intent_id="").values("stripe_payment_intent_id")
        charges = ties.exclude(stripe_charge_id="").values("stripe_charge_id")
        # A union, as each half has its own index; an OR of the two would read every payment.
        by_intent = self.filter(stripe_payment_intent_id__in=intents).values("pk")
        return self.filter(pk__in=by_intent.union(self.filter(stripe_charge_id__in=charges).values("pk")))

    def unallocated(self) -> Self:
        """Unapplied cash: received outside Stripe, which places its own payments, and not yet placed on an invoice."""
        return self.manual().received().filter(allocated_cents__lt=F("amount_cents"))

    def in_currency(self, currency: str) -> Self:
        return self.filter(currency=currency)


class RefundQuerySet(models.QuerySet):
    def failed(self) -> Self:
        """Sent back by the bank: the money is ours again."""
        return self.filter(status="failed")


class PayoutQuerySet(models.QuerySet):
    def with_unknown_contents(self) -> Self:
        """Paid by Stripe's own rhythm and reconciled there, as old API versions do not say; not yet listed by us."""
        paid = self.filter(is_automatic=True, status="paid", contents_fetched_at=None)
        return paid.filter(reconciliation_status__in=("", "completed"))


class CreditQuerySet(models.QuerySet):
    def usable(self, *, on: dt.date) -> Self:
        """Something remains and it has not lapsed."""
        return self.filter(remaining_cents__gt=0).exclude(expires_at__lt=on)


class SubscriptionQuerySet(models.QuerySet):
    def recurring(self) -> Self:
        """Counts towards MRR."""
        return self.filter(status__in=("active", "past_due"))

    def worth_changing(self, *, by: dt.datetime) -> Self:
        """A coupon of theirs has ended, and nobody has told."""
        return self.filter(mrr_changes_at__lte=by).order_by("mrr_changes_at", "pk")


class SubscriptionVersionQuerySet(models.QuerySet):
    def of(self, stripe_subscription_id: str) -> Self:
        """Return every version of a subscription, oldest first; those of one second by state, then by what they say."""
        found = self.filter(subscription__stripe_subscription_id=stripe_subscription_id)
        return found.order_by("seen_created", "state_rank", "fingerprint")
