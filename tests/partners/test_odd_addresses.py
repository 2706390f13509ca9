"""An address that names nothing is not found, and a filter that asks too much says so."""

from __future__ import annotations

import pytest

from tests.back_office import signed_in, someone
from tests.partners.agreements import a_contract

pytestmark = pytest.mark.django_db
BUTTONS = [
    ("partners/contract", "change-terms"),
    ("partners/billingrun", "approve"),
    ("partners/billingrunentry", "hold"),
    ("partners/partner", "new-key"),
    ("partners/usagearchive", "download"),
    ("invoices/customer", "new-invoice"),
    ("invoices/invoice", "pdf"),
]


@pytest.fixture
def administrator():
    return signed_in(someone("Administrator"))


@pytest.mark.parametrize("key", ["abc", "0", "9" * 30])
@pytest.mark.parametrize(("page", "button"), BUTTONS)
def test_a_button_of_no_row_is_not_found(administrator, page, button, key):
    assert administrator.get(f"/admin/{page}/{key}/{button}/").status_code == 404


@pytest.mark.parametrize(
    ("page", "column", "first", "last"),
    [
        ("usageevent", "occurred_at", "0001-01-01", "9999-12-31"),
        ("usageevent", "occurred_at", "2026-10-01", "9999-12-31"),
        ("apiusage", "day", "0001-01-01", "9999-12-31"),
        ("requestbatch", "created_at", "0001-01-01", "9999-12-31"),
    ],
)
def test_days_at_the_end_of_the_calendar_are_refused_in_words(administrator, page, column, first, last):
    partner = a_contract(zone="Asia/Tokyo").partner
    asked = {"partner__id__exact": partner.pk, f"{column}_from": first, f"{column}_to": last}
    if page == "requestbatch":
        del asked["partner__id__exact"]
    answer = administrator.get(f"/admin/partners/{page}/", asked).content.decode()
    assert "lies at the end of the calendar; write a day nearer to today." in answer
