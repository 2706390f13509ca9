"""What one can say about runs and their entries."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Subquery, Sum, When

from invoices.enums import DocumentKind, InvoiceStatus
from partners.enums import EntryState, RunStatus


class BillingRunQuerySet(models.QuerySet):
    def of_month(self, start: dt.date) -> Self:
        return self.filter(period_start=start)

    def unfinished(self) -> Self:
        """Built or approved, and not issued: at most one per month."""
        return self.filter(status__in=(RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED))

    def touching(self, partner: Any | None) -> Self:
        """Of all partners, or of this one alone; without a partner, every run."""
        return self if partner is None else self.filter(Q(partner=None) | Q(partner=partner))

    def within(self, partner: Any | None) -> Self:
        """Of this partner alone; without a partner, every run."""
        return self if partner is None else self.filter(partner=partner)

    def of_all_partners(self) -> Self:
        return self.filter(partner=None)

    def approved(self) -> Self:
        return self.filter(status=RunStatus.APPROVED).order_by("period_start", "pk")

    def to_issue(self) -> Self:
        """Approved, and handed over to the worker."""
        return self.approved().filter(issue_asked_at__isnull=False)

    def sending(self) -> Self:
        """Their invoices are to be sent, and some are not queued yet, however long ago they were issued."""
        from partners.models import BillingRunEntry

        waiting = BillingRunEntry.objects.to_send().filter(run=OuterRef("pk"))
        return self.filter(Exists(waiting), sends=True).order_by("pk")


class BillingRunEntryQuerySet(models.QuerySet):
    def waiting(self) -> Self:
        """Previewed, not yet billed: the work that is left."""
        return self.filter(state=EntryState.PREVIEWED).order_by("id")

    def billed(self) -> Self:
        return self.filter(state=EntryState.BILLED)

    def parked(self) -> Self:
        return self.filter(state=EntryState.PARKED)

    def held(self) -> Self:
        return self.filter(state=EntryState.HELD)

    def not_sent(self) -> Self:
        """Billed, and something stands in the way of sending it."""
        return self.billed().exclude(reason="")

    def to_send(self) -> Self:
        """Billed by an invoice that asks for something still, and that nobody has sent or tried to."""
        from invoices.models import Delivery

        sent = Delivery.objects.filter(invoice=OuterRef("invoice"))
        return self.billed().filter(~Exists(sent), reason="").exclude(invoice__status=InvoiceStatus.VOID)

    def to_send_again(self) -> Self:
        """Billed by an invoice that asks for something still, and whose latest mail failed."""
        from invoices.models import Delivery

        failed = Delivery.objects.failed().filter(invoice=OuterRef("invoice"), followed_by=None)
        return self.billed().filter(Exists(failed)).exclude(invoice__status=InvoiceStatus.VOID)

    def with_progress(self) -> Self:
        """Add `is_printed`, and `delivery_state` and `delivery_error` of the latest delivery."""
        from invoices.models import Delivery, Document

        printed = Document.objects.filter(invoice=OuterRef("invoice"), kind=DocumentKind.INVOICE)
        latest = Delivery.objects.filter(invoice=OuterRef("invoice"), followed_by=None)
        return self.annotate(
            is_printed=Exists(printed),
            delivery_state=Subquery(latest.values("state")[:1]),
            delivery_error=Subquery(latest.values("error")[:1]),
        )

    def flagged(self, kind: str = "") -> Self:
        """With a flag, or with one of this kind."""
        from partners.models import RunFlag

        flags = RunFlag.objects.filter(entry=OuterRef("pk"))
        return self.filter(Exists(flags.filter(kind=kind) if kind else flags))

    def by_urgency(self) -> Self:
        """The flagged first, then the parked and the held, then the rest, by partner; add `is_flagged`."""
        from partners.models import RunFlag

        flagged = self.annotate(is_flagged=Exists(RunFlag.objects.filter(entry=OuterRef("pk"))))
        left_out = Case(When(state__in=(EntryState.PARKED, EntryState.HELD), then=0), default=1)
        return flagged.order_by("-is_flagged", left_out, "contract__partner__name", "pk")

    def of(self, partner: Any | None) -> Self:
        """Of one partner, or of all where none is named."""
        return self if partner is None else self.filter(contract__partner=partner)

    def to_retry(self) -> Self:
        """Parked, or held by no person but until something is known."""
        return self.filter(Q(state=EntryState.PARKED) | Q(state=EntryState.HELD, decided_by=""))

    def bill_again(self) -> Self:
        """Of months whose invoice was undone."""
        return self.filter(revision__gt=1)

    def left_out(self) -> Self:
        """Neither billed nor waiting to be."""
        return self.filter(state__in=(EntryState.PARKED, EntryState.HELD))

    def in_unfinished_runs(self, month_start: dt.date) -> Self:
        unfinished = (RunStatus.BUILDING, RunStatus.PREVIEW, RunStatus.APPROVED)
        return self.filter(run__period_start=month_start, run__status__in=unfinished)

    def with_shared_sellers(self) -> Self:
        """The same for many: a seller is read once, not once for each contract."""
        return self.select_related("contract__partner__customer").prefetch_related("contract__seller")

    def with_parties(self) -> Self:
        """With everything an invoice copies."""
        return self.select_related("contract__partner__customer", "contract__seller")

    def counting(self) -> Self:
        """What the run comes to: everything but the parked and the held."""
        return self.exclude(state__in=(EntryState.PARKED, EntryState.HELD))

    def totals(self) -> dict[str, int]:
        """Add up per currency, in minor units."""
        sums = self.order_by("currency").values_list("currency").annotate(cents=Sum("total_cents"))
        return {currency: int(cents) for currency, cents in sums}

    def decided(self) -> Self:
        """Billed, credited, or recorded as nothing to bill."""
        return self.filter(state__in=(EntryState.BILLED, EntryState.EMPTY, EntryState.CREDITED))
