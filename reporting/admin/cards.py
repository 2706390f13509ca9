"""Owns the cards of the start page: this month's revenue, what recurs, what is late, what needs a person."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.dashboard import Card, register
from billing_site.kit.admin.panels import list_url
from billing_site.kit.money import Money
from invoices.models import Invoice
from partners.models import BilledPeriod, BillingRun
from payments.admin.health import stripe_card
from reporting.models import Break, Reconciliation
from reporting.recurring import recurring_by_currency
from reporting.revenue import revenue_by_currency


@register
def revenue_cards(request: HttpRequest) -> Iterator[Card]:
    """Gross and net of this month so far, and what recurs; the reporting currency in front, never summed across."""
    if not request.user.has_perm("reporting.view_revenue"):
        return
    today, zone = timezone.localdate(), ZoneInfo(settings.BILLING_TIME_ZONE)
    found = revenue_by_currency(as_of=today, zone=zone)
    gross = {code: one.this_month.gross_cents for code, one in found.items()}
    net = {code: one.this_month.net_cents for code, one in found.items()}
    mrr = {code: one.mrr_cents for code, one in recurring_by_currency().items()}
    yield _per_currency(f"Revenue in {today:%B}", gross, icon="trending_up", note="Gross, so far this month")
    yield _per_currency("After fees and refunds", net, icon="savings", note="Net, so far this month")
    yield _per_currency("MRR", mrr, icon="autorenew", note="Monthly recurring revenue")


@register
def overdue_card(request: HttpRequest) -> Iterator[Card]:
    if not request.user.has_perm("invoices.view_invoice"):
        return
    late = Invoice.objects.overdue(on=timezone.localdate()).order_by("currency")
    sums = late.values_list("currency").annotate(sum=Sum("amount_due_cents"), count=Count("pk"))
    rows = list(sums)
    count = sum(number for _currency, _sum, number in rows)
    lines = tuple((currency, Money(cents, currency).format()) for currency, cents, _count in rows)
    tone = "danger" if count else "success"
    yield Card(
        "Overdue invoices", str(count), lines=lines, url=list_url(Invoice, view="overdue"), icon="schedule", tone=tone
    )


@register
def breaks_card(request: HttpRequest) -> Iterator[Card]:
    if not request.user.has_perm("reporting.view_break"):
        return
    count = Break.objects.open().count()
    last = Reconciliation.objects.order_by("-started_at").first()
    note = f"Last compared {timezone.localtime(last.started_at):%-d %b, %H:%M}" if last else "Nothing was compared yet"
    tone = "danger" if count else "success" if last else "warning"
    yield Card("Open breaks", str(count), note=note, url=list_url(Break, view="open"), icon="balance", tone=tone)


register(stripe_card)  # here, so that it stands among the others


@register
def runs_card(request: HttpRequest) -> Iterator[Card]:
    """The run that waits for a person, if one does."""
    if not request.user.has_perm("partners.view_billingrun"):
        return
    run = BillingRun.objects.unfinished().order_by("period_start").first()
    latest = run or BillingRun.objects.order_by("-period_start", "-pk").first()
    if latest is None:
        yield Card("Partner run", EMPTY, note="No run yet", url=list_url(BillingRun), icon="play_circle")
        return
    url = f"{list_url(BillingRun)}{latest.pk}/change/"
    tone = "warning" if run else "success"
    yield Card(
        f"Partner run {latest}",
        latest.get_status_display(),
        note="Waits for a person" if run else "",
        url=url,
        icon="play_circle",
        tone=tone,
    )


@register
def undone_card(request: HttpRequest) -> Iterator[Card]:
    """Months whose invoice was voided or credited in full, and about which nobody decided; none, no card."""
    if not request.user.has_perm("partners.view_billedperiod"):
        return
    months = BilledPeriod.objects.to_bill_again(on=timezone.localdate()).order_by()
    left = BilledPeriod.objects.left_unbilled().count()
    sums = list(months.values_list("invoice__currency").annotate(Sum("invoice__total_cents"), Count("pk")))
    if sums:
        yield Card(
            "Months to bill again",
            str(sum(count for _currency, _cents, count in sums)),
            note=f"Voided or credited in full, and not billed since{f'; {left} more left unbilled' if left else ''}",
            lines=tuple((currency, Money(cents, currency).format()) for currency, cents, _count in sorted(sums)),
            url=list_url(BilledPeriod, view="to_bill_again"),
            icon="undo",
            tone="warning",
        )


def _per_currency(title: str, sums: dict[str, int], *, icon: str, note: str) -> Card:
    first = str(settings.REPORTING_CURRENCY)
    figure = Money(sums.get(first, 0), first).format()
    others = tuple(
        (code, Money(cents, code).format()) for code, cents in sorted(sums.items()) if code != first and cents
    )
    return Card(title, figure, note=note, lines=others, icon=icon)
