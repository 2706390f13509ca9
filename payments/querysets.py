"""The sentences one can say about payments and the inbox."""

from __future__ import annotations

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import F

from payments.enums import EventStatus, PaymentOrigin, PaymentStatus

RECEIVED = (PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED)


class StripeEventQuerySet(models.QuerySet):
    def due(self, *, now: dt.datetime) -> Self:
        """Waiting for a worker, oldest first."""
        return self.filter(status=EventStatus.PENDING, next_attempt_at__lte=now).order_by("stripe_created_at", "id")

    def dead(self) -> Self:
        return self.filter(status=EventStatus.DEAD)

    def pending(self) -> Self:
        return self.filter(status=EventStatus.PENDING)


class PaymentQuerySet(models.QuerySet):
    def received(self) -> Self:
        """Money that came in, whatever was given back later."""
        return self.filter(status__in=RECEIVED)

    def failed(self) -> Self:
        return self.filter(status=PaymentStatus.FAILED)

    def manual(self) -> Self:
        return self.filter(origin=PaymentOrigin.MANUAL)

    def from_stripe(self) -> Self:
        return self.filter(origin=PaymentOrigin.STRIPE)

    def without_fee(self) -> Self:
        """Succeeded at Stripe, fee and net not yet known."""
        return self.from_stripe().received().filter(stripe_fee_cents=None)

    def unallocated(self) -> Self:
        """Unapplied cash: received, not yet placed on an invoice."""
        return self.received().filter(allocated_cents__lt=F("amount_cents"))

    def in_currency(self, currency: str) -> Self:
        return self.filter(currency=currency)


class CreditQuerySet(models.QuerySet):
    def usable(self, *, on: dt.date) -> Self:
        """Something remains and it has not lapsed."""
        return self.filter(remaining_cents__gt=0).exclude(expires_at__lt=on)


class SubscriptionQuerySet(models.QuerySet):
    def recurring(self) -> Self:
        """Counts towards MRR."""
        return self.filter(status__in=("active", "past_due"))
