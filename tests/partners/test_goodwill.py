"""What people give back is theirs: a part of a month neither undoes it nor hides its usage, and is given once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from invoices.models import Invoice
from invoices.services import CreditLine, issue_credit_note
from partners.models import BilledPeriod, BillingRun, Contract
from partners.services import NotUndone, bill_again, due_months, fates_of, late_usage
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, ON, a_contract, bill, use
from tests.partners.test_late_usage import (
    AFTER_DECEMBER,
    AFTER_NOVEMBER,
    DECEMBER,
    IN_NOVEMBER,
    lines_of,
    steps,
    take_back,
)

pytestmark = pytest.mark.django_db
DEED = 2_40


def give(invoice: Invoice, cents: int, **about: object) -> None:
    line = CreditLine(description="Goodwill", amount_cents=cents, **about)
    issue_credit_note(invoice=invoice, lines=[line], reason="Outage", on=ON, now=AFTER_OCTOBER, by="ada")


def october_of(contract: Contract) -> BilledPeriod:
    return BilledPeriod.objects.get(contract=contract, period_start=OCTOBER.start)


def an_october(deeds: int = 10, **terms: object) -> Contract:
    contract = a_contract(**terms)
    if deeds:
        use(contract.partner, deeds)
    bill()
    return contract


def test_goodwill_and_a_reversal_that_empty_an_invoice_do_not_undo_its_month():
    contract = an_october()
    give(Invoice.objects.get(), 3 * DEED)
    take_back(contract.partner, 8)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert steps() == [-7 * DEED]
    with pytest.raises(NotUndone):
        bill_again(billed_period=october_of(contract), now=AFTER_NOVEMBER, by="ada")
    use(contract.partner, 50)
    bill(DECEMBER, AFTER_DECEMBER)
    # Of 52 deeds the papers ask for what goodwill left of ten, for none of it since the reversal, and for 49.
    assert steps() == [-7 * DEED, 49 * DEED]
    assert fates_of(partner=contract.partner)[OCTOBER.start, "deed"].billed == 52


@pytest.mark.parametrize("parts", [[24_00], [10_00, 14_00]])
def test_people_undo_a_month_by_crediting_all_of_it_at_once_or_in_parts(parts):
    contract = an_october()
    for cents in parts:
        give(Invoice.objects.get(), cents)
    use(contract.partner, 5)
    assert late_usage() == []
    run = bill_again(billed_period=october_of(contract), now=AFTER_OCTOBER, by="ada")
    assert run.entries.get().total_cents == 15 * DEED


def test_people_undo_a_month_by_crediting_the_rest_that_a_reversal_left():
    contract = an_october()
    take_back(contract.partner, 4)
    bill(NOVEMBER, AFTER_NOVEMBER)
    assert list(BilledPeriod.objects.undone()) == []
    give(Invoice.objects.get(), 6 * DEED)
    assert list(BilledPeriod.objects.undone()) == [october_of(contract)]


def test_a_contract_may_end_within_a_month_that_people_undid():
    contract = an_october()
    give(Invoice.objects.get(), 10 * DEED)
    Contract.objects.filter(pk=contract.pk).update(end_date=dt.date(2026, 10, 16))
    run = bill_again(billed_period=october_of(contract), now=AFTER_OCTOBER, by="ada")
    assert run.entries.get().total_cents == 10 * DEED


@pytest.mark.parametrize("emptied", [True, False])
def test_postgresql_refuses_a_second_revision_of_a_month_that_nobody_undid(emptied):
    contract = an_october(10 if emptied else 0)
    if emptied:
        take_back(contract.partner, 10)
        bill(NOVEMBER, AFTER_NOVEMBER)
    october = october_of(contract)
    with pytest.raises(IntegrityError, match="This month of the contract is billed"), transaction.atomic():
        BilledPeriod.objects.create(
            contract=contract, period_start=OCTOBER.start, period_end=OCTOBER.end, revision=2,
            run=BillingRun.objects.first(), terms=october.terms, usage=october.usage,
        )  # fmt: skip


def test_a_reversal_takes_no_more_from_a_late_line_than_goodwill_left_of_its_invoice():
    contract = an_october()
    use(contract.partner, 5)
    use(contract.partner, 1, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    later = Invoice.objects.latest("pk")
    assert lines_of(later) == [("usage", DEED), ("correction", 5 * DEED)]
    give(later, 4 * DEED)
    take_back(contract.partner, 5)
    bill(DECEMBER, AFTER_DECEMBER)
    assert steps() == [5 * DEED, -2 * DEED, -3 * DEED]


def test_a_reversal_of_late_usage_goes_with_the_invoice_that_people_undo():
    contract = an_october()
    use(contract.partner, 5)
    use(contract.partner, 1, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    take_back(contract.partner, 5)
    bill(DECEMBER, AFTER_DECEMBER)
    give(Invoice.objects.latest("pk"), DEED)
    assert steps() == [5 * DEED, -5 * DEED]
    assert late_usage() == []


def test_what_goodwill_kept_a_reversal_from_giving_back_is_not_asked_for_again_and_again():
    contract = an_october(end_date=NOVEMBER.start)
    use(contract.partner, 2)
    bill(NOVEMBER, AFTER_NOVEMBER)
    give(Invoice.objects.latest("pk"), 2 * DEED)
    bill(NOVEMBER, AFTER_NOVEMBER)
    give(Invoice.objects.first(), 8 * DEED)
    take_back(contract.partner, 12)
    bill(DECEMBER, AFTER_DECEMBER)
    assert (late_usage(), due_months(now=AFTER_DECEMBER)) == ([], [])
