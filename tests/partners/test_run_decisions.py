"""What people decide about a run: hold, release, retry, approve with locked totals; one partner beside all."""

from __future__ import annotations

import datetime as dt
import getpass

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, transaction

from invoices.models import Invoice
from partners.models import BillingRun, BillingRunEntry, Contract, Partner
from partners.services import (
    MoreThanApproved,
    NotApproved,
    NotHeld,
    NothingToApprove,
    NothingToRetry,
    NotHoldable,
    RunUnderWay,
    TotalsChanged,
    approve_run,
    ask_issue,
    build_run,
    cancel_run,
    follow_up,
    hold_entry,
    issue_run,
    release_entry,
    retry_parked,
)
from partners.tasks import issue_approved_runs
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, ON, a_contract, a_partner, approved_run, use

pytestmark = pytest.mark.django_db


def preview(**options) -> BillingRun:
    return build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada", **options)


def issue(run: BillingRun) -> BillingRun:
    return issue_run(run=run, on=ON, now=AFTER_OCTOBER, by="grace")


def entry_of(run: BillingRun, contract: Contract) -> BillingRunEntry:
    return run.entries.get(contract=contract)


def states(run: BillingRun) -> dict[str, str]:
    return dict(run.entries.values_list("contract__reference", "state"))


def billed() -> list[int]:
    return list(Invoice.objects.issued().order_by("pk").values_list("total_cents", flat=True))


def given_a_zone(contract: Contract) -> None:
    """Correct what parks a contract of tests."""
    Partner.objects.filter(pk=contract.partner_id).update(billing_time_zone="UTC")
    Contract.objects.filter(pk=contract.pk).update(billing_time_zone="UTC")


# --- Held --------------------------------------------------------------------------------------------------------


def test_a_held_partner_is_not_billed_and_stays_due():
    held, other = a_contract("flat"), a_contract("flat")
    run = preview()
    entry = hold_entry(entry=entry_of(run, held), reason="Disputes the price", now=AFTER_OCTOBER, by="grace")
    assert (entry.state, entry.reason, entry.decided_by) == ("held", "Disputes the price", "grace")
    run = issue(approve_run(run=run, now=AFTER_OCTOBER, by="grace"))
    assert run.approved_totals == {"USD": 500_00}
    assert states(run) == {held.reference: "held", other.reference: "billed"}
    again = follow_up(run=run, now=AFTER_OCTOBER, by="ada")
    assert [(e.state, e.reason) for e in again.entries.all()] == [("held", "Disputes the price")]
    with pytest.raises(NothingToApprove):
        approve_run(run=again, now=AFTER_OCTOBER, by="grace")
    release_entry(entry=again.entries.get(), now=AFTER_OCTOBER, by="grace")
    issue(approve_run(run=again, now=AFTER_OCTOBER, by="grace"))
    assert billed() == [500_00, 500_00]


def test_a_hold_outlives_a_new_preview():
    held = a_contract("flat")
    hold_entry(entry=entry_of(preview(), held), reason="Wait for the amendment", now=AFTER_OCTOBER, by="grace")
    a_contract("flat")
    assert entry_of(preview(), held).reason == "Wait for the amendment"


def test_a_released_month_is_previewed_with_what_was_counted_meanwhile():
    contract = a_contract()
    use(contract.partner, 10)
    run = preview()
    entry = hold_entry(entry=run.entries.get(), reason="Their log was down", now=AFTER_OCTOBER, by="grace")
    use(contract.partner, 5)
    entry = release_entry(entry=entry, now=AFTER_OCTOBER, by="grace")
    entry.refresh_from_db()
    assert (entry.state, entry.total_cents, entry.usage["deed"], entry.reason) == ("previewed", 36_00, "15", "")
    assert run.flags.get().sentence == "First month of this partner: $36.00."


def test_an_approved_run_may_still_lose_a_partner_and_never_gains_one():
    contract = a_contract("flat")
    a_contract("flat")
    run = approved_run()
    entry = hold_entry(entry=entry_of(run, contract), reason="Called this morning", now=AFTER_OCTOBER, by="grace")
    with pytest.raises(NotHeld, match="release it in the next preview of the month"):
        release_entry(entry=entry, now=AFTER_OCTOBER, by="grace")
    issue(run)
    assert billed() == [500_00]


def test_what_is_billed_is_not_held_and_a_hold_says_why():
    contract = a_contract("flat")
    run = preview()
    with pytest.raises(NotHoldable, match="Say why"):
        hold_entry(entry=run.entries.get(), reason=" ", now=AFTER_OCTOBER, by="grace")
    with pytest.raises(NotHeld, match="is previewed, not held"):
        release_entry(entry=run.entries.get(), now=AFTER_OCTOBER, by="grace")
    run = issue(approve_run(run=run, now=AFTER_OCTOBER, by="grace"))
    with pytest.raises(NotHoldable, match=f"{contract} is billed in a run that is issued"):
        hold_entry(entry=run.entries.get(), reason="Too late", now=AFTER_OCTOBER, by="grace")


# --- Parked ------------------------------------------------------------------------------------------------------


def test_a_parked_contract_is_tried_again_in_the_same_preview():
    parked = a_contract("flat", zone="Mars/Olympus")
    a_contract("flat")
    run = preview()
    given_a_zone(parked)
    (entry,) = retry_parked(run=run)
    entry.refresh_from_db()
    assert (entry.run, entry.state, entry.total_cents, entry.reason) == (run, "previewed", 500_00, "")
    assert approve_run(run=run, now=AFTER_OCTOBER, by="grace").approved_totals == {"USD": 1000_00}
    with pytest.raises(NothingToRetry):
        retry_parked(run=run)


def test_what_still_fails_stays_parked_with_its_reason():
    a_contract("flat", zone="Mars/Olympus")
    run = preview()
    retry_parked(run=run)
    assert "Mars/Olympus" in run.entries.get().reason


def test_after_issue_the_rest_is_billed_by_a_run_of_its_own():
    parked = a_contract("flat", zone="Mars/Olympus")
    a_contract("flat")
    run = issue(approved_run())
    given_a_zone(parked)
    rest = follow_up(run=run, now=AFTER_OCTOBER, by="ada")
    assert states(rest) == {parked.reference: "previewed"}
    rest = issue(approve_run(run=rest, now=AFTER_OCTOBER, by="grace"))
    assert billed() == [500_00, 500_00]
    with pytest.raises(NothingToRetry):
        follow_up(run=rest, now=AFTER_OCTOBER, by="ada")


# --- Approved ----------------------------------------------------------------------------------------------------


def test_an_approval_locks_the_totals_per_currency():
    a_contract("flat")
    a_contract("flat", currency="JPY", monthly_fee_cents=500)
    run = approved_run()
    assert run.approved_totals == {"JPY": 500, "USD": 500_00}
    with pytest.raises(IntegrityError, match="keeps the totals that were approved"), transaction.atomic():
        BillingRun.objects.filter(pk=run.pk).update(approved_totals={"USD": 9_999_99})
    with pytest.raises(IntegrityError, match="keeps its entries and their amounts"), transaction.atomic():
        run.entries.update(total_cents=1)
    with pytest.raises(IntegrityError, match="takes no more contracts"), transaction.atomic():
        BillingRunEntry.objects.create(run=run, contract=a_contract("flat"), currency="USD")


def test_what_changed_while_somebody_looked_is_not_approved():
    a_contract("flat")
    run = preview()
    with pytest.raises(TotalsChanged, match=r"it comes to \$500\.00 now"):
        approve_run(run=run, now=AFTER_OCTOBER, by="grace", seen={"USD": 499_00})
    assert approve_run(run=run, now=AFTER_OCTOBER, by="grace", seen={"USD": 500_00}).status == "approved"


def test_more_than_approved_is_never_issued():
    """Past every other guard: the totals that were approved are not what the entries come to."""
    a_contract("flat")
    run = preview()
    BillingRun.objects.filter(pk=run.pk).update(
        status="approved", approved_totals={"USD": 499_99}, approved_by="eve", approved_at=AFTER_OCTOBER
    )
    with pytest.raises(MoreThanApproved, match=r"comes to \$500\.00, approved were \$499\.99: nothing is issued"):
        issue(run)
    assert billed() == []


def test_the_worker_issues_only_what_was_handed_over():
    a_contract("flat")
    run = approve_run(run=preview(), now=AFTER_OCTOBER, by="grace", issues=False)
    assert issue_approved_runs() == "no approved run waits"
    run = ask_issue(run=run, now=AFTER_OCTOBER, by="grace")
    asked = ask_issue(run=run, now=AFTER_OCTOBER + dt.timedelta(hours=1), by="eve")
    assert (asked.issue_asked_by, asked.issue_asked_at) == ("grace", AFTER_OCTOBER)
    assert issue_approved_runs() == "2026-10: 1 invoice, USD 500.00; 0 parked"
    assert ask_issue(run=run, now=AFTER_OCTOBER, by="grace").status == "issued"


def test_only_an_approved_run_is_handed_over():
    a_contract("flat")
    with pytest.raises(NotApproved, match="approve its preview first"):
        ask_issue(run=preview(), now=AFTER_OCTOBER, by="grace")


@time_machine.travel(AFTER_OCTOBER + dt.timedelta(days=1), tick=False)
def test_who_types_the_command_asks_for_an_approved_run_and_is_named(capsys):
    a_contract("flat")
    run = approve_run(run=preview(), now=AFTER_OCTOBER, by="grace", issues=False)
    call_command("bill_partners", "--month", "2026-10", "--no-documents")
    run.refresh_from_db()
    typist = getpass.getuser()
    told = f"The run of 2026-10 was approved by grace and not handed over; {typist} issues it now."
    assert told in capsys.readouterr().out
    assert (run.status, run.issue_asked_by) == ("issued", typist)
    invoice = Invoice.objects.get()
    assert (invoice.issue_date, invoice.metadata["issued_by"]) == (ON, typist)


def test_a_canceled_run_is_issued_by_nobody_who_began_before():
    from partners.services.runs.billing import RunNotApproved, bill_entries

    a_contract("flat")
    run = approved_run()
    ids = list(run.entries.values_list("pk", flat=True))
    cancel_run(run=run, now=AFTER_OCTOBER)
    with pytest.raises(RunNotApproved, match="is canceled"):
        bill_entries(run=run, ids=ids, on=ON, now=AFTER_OCTOBER, by="grace")
    assert billed() == []


# --- One partner beside all --------------------------------------------------------------------------------------


def test_a_run_of_one_partner_leaves_the_preview_of_all_and_is_held_there():
    alone, other = a_contract("flat", partner=a_partner("Alone")), a_contract("flat")
    everybody = preview()
    run = preview(partner=alone.partner)
    everybody.refresh_from_db()
    assert (everybody.status, str(run)) == ("preview", "2026-10 of Alone")
    assert states(everybody) == {alone.reference: "held", other.reference: "previewed"}
    issue(approve_run(run=run, now=AFTER_OCTOBER, by="grace"))
    approve_run(run=everybody, now=AFTER_OCTOBER, by="grace")
    issue(everybody)
    assert billed() == [500_00, 500_00]


def test_a_partner_of_its_own_run_is_released_only_once_that_is_canceled():
    alone = a_contract("flat")
    everybody = preview()
    run = preview(partner=alone.partner)
    assert release_entry(entry=everybody.entries.get(), now=AFTER_OCTOBER, by="grace").state == "held"
    with pytest.raises(NotHoldable, match=f"Another run of the month is to bill {alone}; hold it there."):
        hold_entry(entry=everybody.entries.get(), reason="Disputes the price", now=AFTER_OCTOBER, by="grace")
    cancel_run(run=run, now=AFTER_OCTOBER)
    assert release_entry(entry=everybody.entries.get(), now=AFTER_OCTOBER, by="grace").state == "previewed"
    other = preview(partner=alone.partner)
    issue(approve_run(run=other, now=AFTER_OCTOBER, by="grace"))
    (entry,) = retry_parked(run=everybody)
    assert (entry.state, entry.reason) == ("parked", f"2026-10 of {alone} is billed by another run.")


def test_what_is_held_in_a_run_of_one_stays_held_once_that_is_canceled():
    alone = a_contract("flat")
    everybody = preview()
    run = preview(partner=alone.partner)
    hold_entry(entry=run.entries.get(), reason="Disputes the price", now=AFTER_OCTOBER, by="ada")
    cancel_run(run=run, now=AFTER_OCTOBER)
    (entry,) = retry_parked(run=everybody)
    assert (entry.state, entry.reason, entry.decided_by) == ("held", "Disputes the price", "ada")
    later = AFTER_OCTOBER + dt.timedelta(hours=1)
    assert release_entry(entry=entry, now=later, by="grace").state == "previewed"
    assert states(preview()) == {alone.reference: "previewed"}


def test_releasing_what_another_run_took_releases_nothing_that_is_held_there():
    alone = a_contract("flat")
    everybody = preview()
    run = preview(partner=alone.partner)
    hold_entry(entry=run.entries.get(), reason="Disputes the price", now=AFTER_OCTOBER, by="ada")
    cancel_run(run=run, now=AFTER_OCTOBER)
    entry = release_entry(entry=everybody.entries.get(), now=AFTER_OCTOBER, by="grace")
    assert (entry.state, entry.reason, entry.decided_by) == ("held", "Disputes the price", "ada")


def test_a_partner_of_an_approved_run_of_all_has_no_run_of_its_own():
    contract = a_contract("flat")
    approved_run()
    with pytest.raises(RunUnderWay, match="is approved and not finished; issue it first"):
        preview(partner=contract.partner)


def test_a_run_of_all_takes_the_place_of_a_preview_of_one():
    contract = a_contract("flat")
    one = preview(partner=contract.partner)
    assert states(preview()) == {contract.reference: "previewed"}
    one.refresh_from_db()
    assert one.status == "canceled"
