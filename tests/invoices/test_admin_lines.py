"""The lines of a draft, typed: what is rarely needed folds away, what cannot be billed is told in a sentence."""
# ruff: noqa: RUF001 (spans of days have a dash)

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.models import Invoice
from tests.back_office import signed_in, someone
from tests.books import a_customer, a_draft, a_seller
from tests.invoices.test_admin_invoices import LIST, page_of, typed

pytestmark = pytest.mark.django_db
METERED = {
    "description": "API requests",
    "quantity": "1284913",
    "unit_price": "1.85",
    "package_size": "1000",
    "unit_label": "requests",
    "service_period_start": "2026-10-01",
    "service_period_end": "2026-10-31",
    "detail": "Counted by day",
}


@pytest.fixture
def manager():
    return signed_in(someone("Finance manager"))


def sums(client, *lines, **changed):
    return client.post(f"{LIST}sums/", typed(a_customer(), a_seller(), *lines, **changed)).json()


def refusals(client, *lines, **changed):
    page = client.post(f"{LIST}add/", typed(a_customer(), a_seller(), *lines, **changed)).content.decode()
    assert not Invoice.objects.exists()
    return page


def test_a_line_is_typed_with_its_period_unit_package_and_detail(manager):
    manager.post(f"{LIST}add/", typed(a_customer(), a_seller(), METERED))
    line = Invoice.objects.get().lines.get()
    assert (line.package_size, line.unit_label, line.detail, line.amount_cents) == (
        1000,
        "requests",
        "Counted by day",
        237709,
    )
    assert (line.service_period_start, line.service_period_end) == (dt.date(2026, 10, 1), dt.date(2026, 11, 1))


def test_what_a_line_says_folded_away_and_its_price_per_package_are_told_while_typing(manager):
    said = sums(manager, METERED)
    assert said["lines"] == [
        [0, "€2,377.09", "1\xa0Oct\xa02026 – 31\xa0Oct\xa02026 · per 1,000 requests · Counted by day"]
    ]
    assert said["sums"][-1] == ["Total", "€2,377.09"]


def test_a_period_is_shown_and_saved_by_its_last_day(manager):
    draft = a_draft("10.00", billing_period_start=dt.date(2026, 10, 1), billing_period_end=dt.date(2026, 11, 1))
    draft.lines.update(service_period_start=dt.date(2026, 10, 1), service_period_end=dt.date(2026, 11, 1))
    page = manager.get(page_of(draft))
    form, row = page.context["adminform"].form, page.context["inline_admin_formsets"][0].formset.forms[0]
    assert form["billing_period_end"].value() == row["service_period_end"].value() == dt.date(2026, 10, 31)

    line = draft.lines.get()
    period = {"service_period_start": "2026-10-01", "service_period_end": "2026-10-31"}
    sent = typed(draft.customer, draft.seller, {"id": line.pk, "unit_price": "10", **period})
    dates = {"billing_period_start": "2026-10-01", "billing_period_end": "2026-10-31", "lines-INITIAL_FORMS": 1}
    manager.post(page_of(draft), sent | dates)
    draft.refresh_from_db()
    line.refresh_from_db()
    assert draft.billing_period_end == line.service_period_end == dt.date(2026, 11, 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"package_size": "0"}, "A price buys one unit or more: write 1 or above."),
        ({"package_size": "-5"}, "A price buys one unit or more: write 1 or above."),
        ({"package_size": "1.5"}, "Write a whole number such as 1000."),
        (
            {"service_period_start": "2026-10-02", "service_period_end": "2026-10-01"},
            "The period ends before it begins.",
        ),
        ({"service_period_start": "2026-10-02"}, "Write both days of the period, or none."),
        ({"service_period_end": "2026-10-02"}, "Write both days of the period, or none."),
        ({"service_period_start": "2026-10-02", "service_period_end": "9999-12-31"}, "This day is too far away."),
        ({"discount": "10.01"}, "A discount of €10.01 on €10.00 cannot be given"),
        ({"discount": "-1"}, "A discount of -€1.00 on €10.00 cannot be given"),
        ({"unit_price": "-10"}, "These lines come to -€10.00 in all, and an invoice asks for nothing or more"),
        ({"unit_price": "99999999999", "quantity": "999999999999999999"}, "larger than the books can hold"),
    ],
)
def test_what_cannot_be_billed_is_refused_in_words(manager, line, said):
    assert said in refusals(manager, {"unit_price": "10", **line})


def test_a_fold_with_a_mistake_is_open(manager):
    page = refusals(manager, {"unit_price": "10"}, {"unit_price": "10", "package_size": "0"})
    assert re.findall(r'<details class="line-fold"( open)?>', page) == ["", " open", ""]


def test_a_mistake_in_what_folds_away_on_the_draft_is_shown(manager):
    page = refusals(manager, {"unit_price": "10"}, discount="101 %")
    assert "Write a percentage from 0 to 100" in page
    assert page.count('<details class="line-fold"') == page.count("<details")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"discount": "10.01"}, "A discount of €10.01 on €10.00 cannot be given"),
        ({"billing_period_start": "2026-10-02", "billing_period_end": "2026-10-01"}, "The period ends before it"),
        ({"billing_period_start": "2026-10-02"}, "Write both days of the period, or none."),
    ],
)
def test_a_draft_that_cannot_be_is_refused_in_words(manager, changed, said):
    assert said in refusals(manager, {"unit_price": "10"}, **changed)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"unit_price": "-10"}, "These lines come to -€10.00 in all"),
        ({"unit_price": "10", "discount": "11"}, "A discount of €11.00 on €10.00"),
        ({"unit_price": "99999999999", "quantity": "999999999999999999"}, "larger than the books can hold"),
    ],
)
def test_a_refusal_is_told_while_it_is_typed(manager, line, said):
    assert said in sums(manager, line)["refusal"]


def test_sums_ask_the_database_as_often_for_many_lines_as_for_one(manager):
    few, many = ({"unit_price": "10", "tax_rate": "19"},), ({"unit_price": "10", "tax_category": "S"},) * 40
    a_seller()
    with CaptureQueriesContext(connection) as for_few:
        sums(manager, *few)
    with CaptureQueriesContext(connection) as for_many:
        assert sums(manager, *many)["lines"] == []  # taxed at a rate, and none is given
    assert len(for_many) == len(for_few)


def test_a_currency_in_small_letters_is_one(manager):
    assert sums(manager, {"unit_price": "10"}, currency="eur")["sums"][-1] == ["Total", "€10.00"]
    manager.post(f"{LIST}add/", typed(a_customer(), a_seller(), {"unit_price": "10"}, currency="eur"))
    assert Invoice.objects.get().currency == "EUR"


def test_a_draft_of_three_hundred_lines_is_typed_and_saved(manager):
    lines = [{**METERED, "quantity": "1000", "unit_price": "1"}] * 300
    assert len(sums(manager, *lines)["lines"]) == 300
    manager.post(f"{LIST}add/", typed(a_customer(), a_seller(), *lines))
    assert Invoice.objects.get().total_cents == 300_00
