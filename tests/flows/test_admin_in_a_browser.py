"""The back office as a person uses it: in a real browser, over real HTTP."""
# ruff: noqa: RUF001 (spans of days have a dash)

from __future__ import annotations

import datetime as dt
import os
import shutil
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone

from billing_site.kit.money import Money
from invoices.models import Invoice
from invoices.tasks import render_documents
from partners.metering import NewUsage
from partners.models import PartnerApiKey, UsageConflict
from partners.services import make_key, record_usage
from payments.models import Payment, StripeEvent
from payments.stripe.applying import apply_due_events, apply_next_event
from payments.stripe.sim import Sim
from tests.back_office import a_break, a_document, a_paid_invoice, a_reconciliation, someone
from tests.books import NOW, a_customer, a_draft, a_seller
from tests.partners.agreements import a_contract, a_partner
from tests.payments.posting import keep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "true"  # Playwright runs a loop in this thread; the tests' own queries are plain
    )
    with sync_playwright() as player:
        connections.close_all()  # inside its loop Django keeps other connections, to a database that is cloned anew
        chromium = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()
        connections.close_all()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, live_site):
    """A signed-in finance manager."""
    yield from signed_in_page(browser, live_site, someone("Finance manager", first_name="Finn"))


def signed_in_page(browser, live_site, person):
    """A page at 1440 x 900; whatever the browser complains about fails the test."""
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=live_site).new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto("/admin/login/")
    opened.fill("[name=username]", person.username)
    opened.fill("[name=password]", "x")
    opened.click("button[type=submit]")
    yield opened
    assert complaints == []


def test_a_draft_is_typed_added_up_and_issued(page):
    a_seller(is_default=True)
    customer = a_customer()
    page.goto(f"/admin/invoices/invoice/add/?customer={customer.pk}&currency=EUR")
    page.fill("[name=lines-0-description]", "Import of parcels")
    page.fill("[name=lines-0-quantity]", "0.25")
    page.fill("[name=lines-0-unit_price]", "26935.78")
    page.fill("[name=lines-0-tax_rate]", "19")
    page.wait_for_selector(".draft-sums >> text=€8,013.40")
    page.click("button[name=_save]")
    page.wait_for_selector("text=is saved. Look at it, then issue it.")
    page.click("a:has-text('Issue')")
    page.click("button:has-text('Issue')")
    page.wait_for_selector("text=Issued")
    assert list(Invoice.objects.values_list("status", "total_cents")) == [("open", 801340)]


def test_an_issued_draft_shows_its_paper_in_the_page(page):
    """By hand from nothing: typed, added up with a discount, issued, drawn, and read beside its lines."""
    a_seller(is_default=True)
    customer = a_customer()
    page.goto(f"/admin/invoices/invoice/add/?customer={customer.pk}&currency=EUR")
    page.fill("[name=lines-0-description]", "Register extracts")
    page.fill("[name=lines-0-quantity]", "100")
    page.fill("[name=lines-0-unit_price]", "2.50")
    page.fill("[name=lines-0-discount]", "10 %")
    page.fill("[name=lines-0-tax_rate]", "19")
    page.wait_for_selector(".draft-sums >> text=€267.75")
    page.click("button[name=_save]")
    page.click("a:has-text('Issue')")
    page.click("button:has-text('Issue')")
    page.wait_for_selector("text=Issued")
    render_documents()
    issued = Invoice.objects.get()
    with page.expect_response(lambda answer: "/admin/documents/" in answer.url) as drawn:
        page.goto(f"/admin/invoices/invoice/{issued.pk}/change/")
    assert drawn.value.status == 200
    assert drawn.value.headers["content-type"] == "application/pdf"
    page.wait_for_selector(".paper >> text=€267.75")
    page.click("text=Add notes")
    page.fill("[name=notes]", "Agreed by telephone")
    page.click("button:has-text('Notes')")
    page.wait_for_selector("text=Agreed by telephone")


def test_a_key_is_rotated_shown_once_and_opens_the_door(browser, live_site):
    partner, person = a_partner("Hanse"), someone("Partner manager")
    old = make_key(partner=partner, name="Gateway", now=timezone.now())
    opened = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=live_site).new_page()
    opened.goto(f"/admin/login/?next=/admin/partners/partner/{partner.pk}/change/")
    opened.fill("[name=username]", person.username)
    opened.fill("[name=password]", "x")
    opened.click("button[type=submit]")
    opened.click(".panel a:has-text('Gateway')")
    opened.click("a:has-text('Rotate')")
    opened.click("button:has-text('Rotate')")
    fresh = opened.input_value("#shown-once")
    assert fresh.partition(".")[0] in PartnerApiKey.objects.working(at=timezone.now()).values_list("prefix", flat=True)
    for secret in (old.secret, fresh):
        sent = {"events": [{"idempotency_key": secret[:8], "event_type": "deed", "occurred_at": _an_hour_ago()}]}
        answer = opened.request.post("/api/v1/usage-events", data=sent, headers={"Authorization": f"Api-Key {secret}"})
        assert answer.status == 201
    opened.click("text=I have copied it")
    opened.wait_for_selector("text=Changing over")
    assert fresh not in opened.content()
    opened.reload()
    assert fresh not in opened.content()


def _an_hour_ago() -> str:
    return (timezone.now() - dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_number_pattern_shows_its_next_number_while_it_is_typed(browser, live_site):
    seller, person = a_seller(), someone("Administrator")
    opened = browser.new_context(base_url=live_site).new_page()
    opened.goto(f"/admin/login/?next=/admin/invoices/seller/{seller.pk}/change/")
    opened.fill("[name=username]", person.username)
    opened.fill("[name=password]", "x")
    opened.click("button[type=submit]")
    opened.fill("[name=invoice_number_pattern]", "PB/{year}/{seq:04}")
    opened.wait_for_selector(f"text=PB/{timezone.localdate().year}/0001")
    opened.fill("[name=credit_note_number_pattern]", "PB-{number}")
    opened.wait_for_selector("text={number} is no field")


def test_added_rows_count_while_they_are_typed(page):
    draft = a_draft("10.00")
    page.goto(f"/admin/invoices/invoice/{draft.pk}/change/")
    page.wait_for_selector(".draft-sums >> text=€10.00")
    page.click("text=Add another Line")
    page.fill("[name=lines-1-description]", "More")
    page.fill("[name=lines-1-unit_price]", "2.50")
    page.wait_for_selector(".draft-sums >> text=€12.50")


def sums(page):
    """What the page says the draft comes to: label and amount of each row."""
    return page.eval_on_selector_all(
        ".draft-sums tr", "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )


def amounts(page):
    cells = "#lines-data .form-group:not(.empty-form):not(:has(.delete:checked)) .field-amount .money"
    return page.eval_on_selector_all(cells, "cells => cells.map(cell => cell.textContent)")


def type_line(page, number, **typed):
    for name, text in typed.items():
        page.fill(f"[name=lines-{number}-{name}]", text)


def unfold(page, number):
    page.click(f"tbody:has([name=lines-{number}-description]) summary")


def test_what_a_draft_says_while_it_is_typed_is_what_is_saved(page):
    """Lines are added, changed and removed, with packages, periods and both kinds of discount."""
    draft = a_draft("10.00", "20.00")
    page.goto(f"/admin/invoices/invoice/{draft.pk}/change/")
    page.wait_for_selector(".draft-sums >> text=€30.00")
    for number in (2, 3, 4):
        page.click("text=Add another Line")
        type_line(page, number, description=f"Added {number}", unit_price=str(number))
    unfold(page, 4)
    type_line(page, 4, quantity="1284913", unit_price="1.85", tax_rate="19", discount="10 %", package_size="1000")
    type_line(page, 4, service_period_start="2026-10-01", service_period_end="2026-10-31")
    type_line(page, 4, unit_label="requests", detail="Counted by day\nas agreed")
    page.select_option("[name=lines-4-tax_category]", "S")
    page.click("tbody:has([name=lines-2-description]) .delete-template")  # those below move up, with all they say
    page.click("tbody:has([name=lines-0-description]) label:has(.delete)")
    page.fill("[name=lines-1-quantity]", "2")
    page.click("summary:has-text('Tax, discount and wording'), h2:has-text('Tax, discount and wording')")
    page.fill("[name=discount]", "5 %")
    page.wait_for_selector(".draft-sums >> text=€2,459.42")
    assert amounts(page) == ["€40.00", "€3.00", "€2,377.09"]
    said = sums(page)

    page.click("button[name=_continue]")
    page.wait_for_selector("text=was changed successfully")
    page.wait_for_selector(".draft-sums >> text=€2,459.42")
    draft.refresh_from_db()
    saved = [draft.subtotal_cents, -draft.discount_cents, draft.tax_cents, draft.total_cents]
    assert (
        sums(page)
        == said
        == [
            [label, Money(cents, "EUR").format()]
            for label, cents in zip(("Subtotal", "Discount", "Tax", "Total"), saved, strict=True)
        ]
    )
    assert amounts(page) == [Money(line.amount_cents, "EUR").format() for line in draft.lines.all()]
    metered = draft.lines.last()
    assert (metered.description, metered.package_size, metered.unit_label) == ("Added 4", 1000, "requests")
    assert (metered.detail, metered.tax_category) == ("Counted by day\r\nas agreed", "S")
    assert (metered.service_period_start, metered.service_period_end) == (dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    page.wait_for_selector("text=1 Oct 2026 – 31 Oct 2026 · per 1,000 requests · Counted by day")


def test_a_draft_tells_at_once_that_it_asks_for_less_than_nothing(page):
    draft = a_draft("10.00")
    page.goto(f"/admin/invoices/invoice/{draft.pk}/change/")
    page.wait_for_selector(".draft-sums >> text=€10.00")
    page.fill("[name=lines-0-unit_price]", "-10")
    page.wait_for_selector(".draft-sums >> text=These lines come to -€10.00 in all")
    page.fill("[name=lines-0-unit_price]", "11")
    page.wait_for_selector(".draft-sums >> text=€11.00")


def test_a_mistake_in_a_fold_is_shown_and_mended(page):
    draft = a_draft("10.00")
    page.goto(f"/admin/invoices/invoice/{draft.pk}/change/")
    page.wait_for_selector(".draft-sums >> text=€10.00")
    unfold(page, 0)
    type_line(page, 0, package_size="0", service_period_start="2026-10-31", service_period_end="2026-10-01")
    page.click("button[name=_continue]")
    page.wait_for_selector("text=A price buys one unit or more: write 1 or above.")
    page.wait_for_selector("text=The period ends before it begins.")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    type_line(page, 0, package_size="10", service_period_start="2026-10-01", service_period_end="2026-10-31")
    page.click("button[name=_continue]")
    page.wait_for_selector("text=was changed successfully")
    assert draft.lines.get().amount_cents == 1_00


def test_the_issued_page_fits_and_shows_its_paper(page):
    invoice = a_paid_invoice()
    document = a_document(invoice)
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    assert page.frame_locator(f"iframe[src*='{document.pk}']")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_pages_of_usage_fit_and_draw(page):
    """Bars of days on the page of a partner; a conflict of two bodies; the events by day."""
    partner, now = a_contract().partner, timezone.now()
    wrong = NewUsage("gateway-0000000000000000000000000000000017", "deed", now - dt.timedelta(days=2), Decimal(12))
    for event in (wrong, wrong._replace(quantity=Decimal(1))):
        record_usage(partner=partner, events=[event], now=now)
    conflict = UsageConflict.objects.get()
    paths = f"partner/{partner.pk}/change/", f"usageconflict/{conflict.pk}/change/", "usageevent/"
    for path in paths:
        page.goto(f"/admin/partners/{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_amounts_stand_under_each_other(page):
    for price in ("1.00", "12345.00"):
        a_draft(price)
    page.goto("/admin/invoices/invoice/")
    ends = page.eval_on_selector_all(
        "#result_list td .money", "cells => cells.map(cell => Math.round(cell.getBoundingClientRect().right))"
    )
    assert len(ends) == 6
    assert len(set(ends)) == 3


def test_a_break_is_resolved_with_a_reason(page):
    row = a_break(a_reconciliation())
    page.goto(f"/admin/reporting/break/{row.pk}/change/")
    page.click("a:has-text('Resolve')")
    page.fill("[name=reason]", "Booked by hand")
    page.click("button:has-text('Resolve')")
    page.wait_for_selector("text=Resolved")
    row.refresh_from_db()
    assert row.status == "resolved"


def test_a_dead_letter_is_read_retried_and_applied(page):
    """A checkout was heard of long before its payment; by now the payment is here."""
    sim = Sim()
    sim.checkout(sim.price(19_00, "eur", product="Report", interval=None), client_reference_id="user-7")
    checkout = next(event for event in sim.events() if event["type"] == "checkout.session.completed")
    keep([checkout], now=NOW)
    later = [NOW + dt.timedelta(days=day) for day in range(9)]
    assert [apply_next_event(now=at) for at in later[:8]][-1] == "dead"
    keep([event for event in sim.events() if event != checkout], now=later[8])
    apply_due_events(now=later[8])

    page.goto("/admin/")
    page.click("a:has-text('1 dead letter')")
    page.click("text=checkout.session.completed")
    page.click("summary:has-text('which has not arrived')")
    page.wait_for_selector("text=Traceback (most recent call last)")
    page.click("a:has-text('Retry')")
    page.click("button:has-text('Retry')")
    page.wait_for_selector("text=Waiting for a worker")
    apply_due_events(now=timezone.now())
    page.goto("/admin/payments/stripeevent/?view=dead")
    page.wait_for_selector("#stripe-health .health-success >> text=0")
    assert StripeEvent.objects.get(event_id=checkout["id"]).status == "applied"
    assert Payment.objects.get().user_id == "user-7"
