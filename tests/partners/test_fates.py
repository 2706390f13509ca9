"""The law that nothing counted is lost: billed, open, free, and rejected for a reason are all there is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.models import Invoice
from invoices.services import void_invoice
from partners.fates import Agreed, Billed, Counted, Fate, fates
from partners.services import fates_of
from tests.partners.agreements import AFTER_OCTOBER, a_contract, a_partner, bill, use

OCTOBER = dt.date(2026, 10, 1)
DAYS = st.dates(dt.date(2026, 9, 1), dt.date(2026, 12, 31))
METERS = st.sampled_from(["deed", "request"])
LEFT = st.frozensets(st.sampled_from([dt.date(2026, month, 1) for month in range(9, 13)]))
QUANTITIES = st.decimals(0, 1000, places=3)


@given(
    counted=st.lists(st.builds(Counted, DAYS, METERS, QUANTITIES)),
    agreed=st.lists(st.builds(Agreed, DAYS, st.none() | DAYS, st.none() | METERS, LEFT), max_size=4),
    billed=st.lists(st.builds(Billed, DAYS, DAYS, METERS, QUANTITIES), max_size=4),
)
def test_all_that_was_counted_has_a_fate(counted, agreed, billed):
    found = fates(counted, agreed, billed)
    assert sum(fate.counted for fate in found.values()) == sum(one.quantity for one in counted)


def test_a_month_left_unbilled_rejects_what_its_contract_rates_and_nothing_else():
    agreed = [Agreed(dt.date(2026, 9, 1), None, "deed", frozenset([OCTOBER]))]
    counted = [
        Counted(dt.date(2026, month, 15), meter, Decimal(7)) for month in (10, 11) for meter in ("deed", "request")
    ]
    assert fates(counted, agreed, []) == {
        (OCTOBER, "deed"): Fate(left_unbilled=Decimal(7)),
        (OCTOBER, "request"): Fate(free=Decimal(7)),
        (dt.date(2026, 11, 1), "deed"): Fate(open=Decimal(7)),
        (dt.date(2026, 11, 1), "request"): Fate(free=Decimal(7)),
    }


@pytest.mark.django_db
def test_each_fate_of_a_partners_usage_is_told():
    partner = a_partner()
    a_contract(partner=partner, start_date=dt.date(2026, 10, 10))
    use(partner, 5, at="2026-10-05T00:00:00+00:00")
    use(partner, 7)
    use(partner, 100, meter="request")
    assert fates_of(partner=partner) == {
        (OCTOBER, "deed"): Fate(open=Decimal(7), without_contract=Decimal(5)),
        (OCTOBER, "request"): Fate(free=Decimal(100)),
    }
    bill()
    use(partner, 1)
    deeds = fates_of(partner=partner)[OCTOBER, "deed"]
    assert deeds == Fate(billed=Decimal(7), open=Decimal(1), without_contract=Decimal(5))
    void_invoice(invoice=Invoice.objects.get(), now=AFTER_OCTOBER, by="ada", reason="Wrong")
    assert fates_of(partner=partner)[OCTOBER, "deed"] == Fate(open=Decimal(8), without_contract=Decimal(5))
