"""A month's run on its page: previewed, approved on what was seen, handed to the worker, held, retried and sent."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.models import Delivery, Invoice
from invoices.tasks import render_documents, send_deliveries
from partners.admin.changes import change_text
from partners.models import BillingRun, Contract, Partner
from partners.services import approve_run, build_run, hold_entry, issue_run
from partners.tasks import issue_approved_runs, mail_runs
from tests.back_office import signed_in, someone
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, ON, a_contract, a_partner, approved_run, use
from tests.partners.pages import button_of, page_of

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")]
RUNS = "/admin/partners/billingrun/"


def preview(**options) -> BillingRun:
    return build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada", **options)


def pressed(client, row, name: str, **typed):
    return client.post(button_of(row, name), typed)


def approved(client, run: BillingRun, **switches):
    """Approve what the page shows."""
    return pressed(client, run, "approve", seen=json.dumps(run.entries.waiting().totals()), **switches)


def shown(client, row, query: str = "") -> str:
    return client.get(page_of(row) + query).content.decode()


def test_a_month_is_previewed_approved_issued_by_the_worker_and_sent(finance_manager, mailoutbox):
    contract = a_contract("per_deed")
    use(contract.partner, 10)
    finance_manager.post(f"{RUNS}preview-a-month/", {"month": "2026-10"})
    run = BillingRun.objects.get()
    assert "$24.00" in shown(finance_manager, run)
    approved(finance_manager, run)
    assert issue_approved_runs() == "no approved run waits"
    pressed(finance_manager, run, "issue")
    pressed(finance_manager, run, "issue")
    issue_approved_runs()
    run.refresh_from_db()
    assert (run.status, run.entries.billed().count(), run.approved_by) == ("issued", 1, run.started_by)
    assert contract.billed_periods.get().invoice.total_cents == 2400
    for _ in range(2):
        pressed(finance_manager, run, "send")
        mail_runs()
    assert Delivery.objects.get().requested_by == run.approved_by


def test_the_approval_shows_the_totals_and_locks_them(finance_manager):
    contract = a_contract()
    use(contract.partner, 10)
    a_contract("flat", currency="EUR")
    run = preview()
    question = finance_manager.get(button_of(run, "approve")).content.decode()
    assert "2 contracts come to €500.00 and $24.00, tax included. No more is ever billed." in question
    pressed(finance_manager, run, "approve", seen='{"EUR": 50000, "USD": 2400}', issues="on", sends="on")
    run.refresh_from_db()
    assert (run.approved_totals, run.sends) == ({"EUR": 500_00, "USD": 24_00}, True)
    assert run.issue_asked_by == run.approved_by
    again = approved(finance_manager, run, issues="on").content.decode()
    assert "only a preview can be approved" in again


@pytest.mark.parametrize(
    ("switch", "said"), [("issues", "not issue it; somebody else"), ("sends", "not send its invoices; somebody else")]
)
def test_who_may_only_approve_neither_issues_nor_sends_by_it(switch, said):
    client = signed_in(someone("", "partners.view_billingrun", "partners.approve_billingrun"))
    a_contract("flat")
    run = preview()
    question = client.get(button_of(run, "approve")).content.decode()
    assert ('name="issues"' in question, 'name="sends"' in question) == (False, False)
    assert said in approved(client, run, **{switch: "on"}).content.decode()
    run.refresh_from_db()
    assert run.status == "preview"
    approved(client, run)
    run.refresh_from_db()
    assert (run.status, run.issue_asked_at, run.sends) == ("approved", None, False)


@pytest.mark.parametrize("seen", [{}, {"seen": "[1]"}, {"seen": "5"}, {"seen": "null"}, {"seen": "{"}])
def test_nothing_is_approved_unseen(finance_manager, seen):
    a_contract("flat")
    run = preview()
    answer = pressed(finance_manager, run, "approve", **seen).content.decode()
    assert "look at these totals, then press Approve once more" in answer
    assert "&quot;USD&quot;: 50000" in answer
    run.refresh_from_db()
    assert run.status == "preview"


def test_the_approval_tells_what_credit_notes_will_give_back(finance_manager):
    from tests.partners.test_late_usage import AFTER_NOVEMBER, NOVEMBER, take_back

    partner = a_contract().partner
    use(partner, 10)
    issue_run(run=approved_run(), on=ON, now=AFTER_OCTOBER, by="ada")
    take_back(partner, 4)
    use(partner, 5, at="2026-11-15T12:00:00+00:00")
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    said = (
        "1 contract comes to $12.00, tax included. Credit notes for late usage give back $9.60 before tax. "
        "No more is ever billed."
    )
    assert said in finance_manager.get(button_of(run, "approve")).content.decode()


def test_one_contract_is_told_in_the_singular(finance_manager):
    from django.contrib.messages import get_messages

    parked = a_contract("flat", zone="Mars/Olympus")
    answers = [finance_manager.post(f"{RUNS}preview-a-month/", {"month": "2026-10"})]
    Partner.objects.filter(pk=parked.partner_id).update(billing_time_zone="UTC")
    Contract.objects.filter(pk=parked.pk).update(billing_time_zone="UTC")
    answers.append(pressed(finance_manager, BillingRun.objects.get(), "retry-parked"))
    assert [str(told) for answer in answers for told in get_messages(answer.wsgi_request)][-2:] == [
        "1 contract is previewed for 2026-10, 1 parked.",
        "1 contract was tried again; 0 still parked.",
    ]


def test_totals_that_changed_meanwhile_are_shown_before_they_are_approved(finance_manager):
    a_contract("flat")
    other = a_contract("flat")
    run = preview()
    hold_entry(entry=run.entries.get(contract=other), reason="Wait", now=AFTER_OCTOBER, by="ada")
    answer = pressed(finance_manager, run, "approve", seen='{"USD": 100000}').content.decode()
    assert "changed while you looked: it comes to $500.00 now" in answer
    assert "&quot;USD&quot;: 50000" in answer
    run.refresh_from_db()
    assert run.status == "preview"


@pytest.mark.parametrize(
    ("month", "said"), [("2026-13", "month"), ("October", "month"), ("", "required"), ("2019-01", "Nothing to bill")]
)
def test_a_month_that_cannot_be_billed_is_refused_in_words(finance_manager, month, said):
    a_contract("flat")
    assert said in finance_manager.post(f"{RUNS}preview-a-month/", {"month": month}).content.decode()
    assert not BillingRun.objects.exists()


def test_a_run_of_one_partner_with_its_own_threshold_is_previewed(finance_manager):
    contract = a_contract("flat")
    a_contract("flat")
    asked = {"month": "2026-10", "partner": contract.partner.pk, "change_percent": "5"}
    finance_manager.post(f"{RUNS}preview-a-month/", asked)
    run = BillingRun.objects.get()
    assert (run.partner, run.change_percent, run.entries.count()) == (contract.partner, 5, 1)


def test_a_parked_contract_says_why_and_is_tried_again(finance_manager):
    parked = a_contract("per_deed", partner=a_partner(zone="UTC"), zone="Europe/Berlin")
    a_contract("flat")
    run = preview()
    assert "give both the same time zone" in shown(finance_manager, run)
    Partner.objects.update(billing_time_zone="UTC")
    Contract.objects.filter(pk=parked.pk).update(billing_time_zone="UTC")
    pressed(finance_manager, run, "retry-parked")
    assert not run.entries.parked().exists()


def test_after_issue_retry_previews_what_was_left_out(finance_manager):
    held = a_contract("flat")
    a_contract("flat")
    run = preview()
    hold_entry(entry=run.entries.get(contract=held), reason="Wait", now=AFTER_OCTOBER, by="ada")
    issue_run(run=approve_run(run=run, now=AFTER_OCTOBER, by="ada"), on=ON, now=AFTER_OCTOBER, by="ada")
    pressed(finance_manager, run, "retry-parked")
    rest = BillingRun.objects.exclude(pk=run.pk).get()
    assert (rest.status, rest.entries.held().get().contract) == ("preview", held)


def test_a_partner_is_held_with_a_reason_and_released(finance_manager):
    a_contract("flat")
    run = preview()
    entry = run.entries.get()
    assert f"{entry.pk}/hold/" in shown(finance_manager, run)
    assert "required" in pressed(finance_manager, entry, "hold", reason=" ").content.decode()
    answer = pressed(finance_manager, entry, "hold", reason="Disputes the price")
    assert answer["Location"] == page_of(run)
    page = shown(finance_manager, run)
    assert "Disputes the price" in page
    assert f"{entry.pk}/release/" in page
    pressed(finance_manager, entry, "release")
    entry.refresh_from_db()
    assert (entry.state, entry.reason) == ("previewed", "")


def test_flagged_contracts_come_first_then_the_parked_then_the_rest(finance_manager):
    a_contract("flat", partner=a_partner("Calm"))
    issue_run(run=approved_run(), on=ON, now=AFTER_OCTOBER, by="ada")
    from tests.partners.agreements import NOVEMBER
    from tests.partners.test_run_flags import AFTER_NOVEMBER

    a_contract("flat", partner=a_partner("Zebra"), start_date=NOVEMBER.start)
    run = build_run(period=NOVEMBER, now=AFTER_NOVEMBER, by="ada")
    page = shown(finance_manager, run)
    assert page.index(">Zebra<") < page.index(">Calm<")
    assert ">Calm<" not in shown(finance_manager, run, "?state=flagged")
    assert ">Calm<" not in shown(finance_manager, run, "?flag=new")
    assert ">Zebra<" not in shown(finance_manager, run, "?q=calm")
    assert "First month of this partner: $500.00." in page


def test_each_contract_unfolds_into_lines_that_explain_themselves(finance_manager):
    use(a_contract("hybrid").partner, 130)
    page = shown(finance_manager, preview())
    assert "2 lines" in page
    assert "130 deeds, 100 included, 30 at $0.40" in page


def test_a_preview_is_not_issued_and_an_issued_run_not_canceled(finance_manager):
    a_contract("flat")
    run = preview()
    assert "approve its preview first" in pressed(finance_manager, run, "issue").content.decode()
    approved(finance_manager, run, issues="on")
    issue_approved_runs()
    assert "cannot be canceled" in pressed(finance_manager, run, "cancel").content.decode()


def test_an_approved_run_is_canceled_before_it_is_issued(finance_manager):
    a_contract("flat")
    run = approve_run(run=preview(), now=AFTER_OCTOBER, by="ada", issues=False)
    pressed(finance_manager, run, "cancel")
    run.refresh_from_db()
    assert run.status == "canceled"
    assert "approve its preview first" in pressed(finance_manager, run, "issue").content.decode()


@pytest.mark.parametrize("role", ["Auditor", "Accountant", "Partner manager"])
def test_who_may_not_decide_runs_nothing(role):
    client = signed_in(someone(role))
    a_contract("flat")
    run = preview()
    entry = run.entries.get()
    assert client.post(f"{RUNS}preview-a-month/", {"month": "2026-10"}).status_code == 403
    for name in ("approve", "issue", "send", "retry-parked", "cancel"):
        assert pressed(client, run, name).status_code == 403
    for name in ("hold", "release"):
        assert pressed(client, entry, name, reason="x").status_code == 403
    assert "Preview a month" not in client.get(RUNS).content.decode()
    assert "/hold/" not in shown(client, run)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("approve_billingrun", "approve"),
        ("issue_billingrun", "issue"),
        ("send_billingrun", "send"),
        ("change_billingrun", "cancel"),
        ("add_billingrun", "retry-parked"),
    ],
)
def test_each_decision_is_a_permission_of_its_own(code, name):
    client = signed_in(someone("", "partners.view_billingrun", f"partners.{code}"))
    a_contract("flat")
    run = preview()
    buttons = {"approve", "issue", "send", "cancel", "retry-parked"}
    assert {one for one in buttons if client.get(button_of(run, one)).status_code == 200} == {name}


def test_a_run_says_its_totals_per_currency(finance_manager):
    a_contract("flat")
    a_contract("flat", currency="EUR")
    preview()
    assert "€500.00 · $500.00" in finance_manager.get(RUNS).content.decode()


def test_the_page_costs_the_same_queries_for_one_contract_and_for_sixty_and_shows_fifty(finance_manager):
    def queries(run: BillingRun) -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(finance_manager, run)
        return len(captured)

    use(a_contract().partner, 10)
    shown(finance_manager, preview())
    run = preview()
    one = queries(run)
    for _ in range(59):
        use(a_contract("hybrid").partner, 101)
    run = preview()
    assert queries(run) == one
    page = shown(finance_manager, run)
    assert "1 to 50 of 60 contracts" in page
    assert "51 to 60 of 60 contracts" in shown(finance_manager, run, "?p=2")


def test_the_live_part_tells_each_step_and_stops_when_all_is_done(finance_manager):
    a_contract("flat")
    no_address = a_contract("flat")
    no_address.partner.customer.email = ""
    no_address.partner.customer.save()

    def live(run: BillingRun) -> str:
        return finance_manager.get(f"{RUNS}{run.pk}/progress/").content.decode()

    run = approve_run(run=preview(), now=AFTER_OCTOBER, by="ada", sends=True)
    assert 'data-live="yes"' in live(run)
    assert "0 of 2" in live(run)
    issue_approved_runs()
    assert ">Billed<" in live(run)
    render_documents()
    assert ">Document kept<" in live(run)
    assert mail_runs() == "1 e-mail queued"
    assert "Not sent: " in live(run)
    assert 'data-live="yes"' in live(run)
    send_deliveries()
    done = live(run)
    assert 'data-live="no"' in done
    assert "1 of 2, 1 not sent" in done
    assert mail_runs() == "no invoice of a run waits to be sent"
    no_address.partner.customer.email = "ap@partner.example"
    no_address.partner.customer.save()
    pressed(finance_manager, run, "send")
    assert mail_runs() == "1 e-mail queued"
    assert Delivery.objects.count() == Invoice.objects.count() == 2


def test_the_live_part_is_not_for_everybody():
    run = approved_run() if a_contract("flat") else None
    assert signed_in(someone("")).get(f"{RUNS}{run.pk}/progress/").status_code == 403
    assert signed_in(someone("Auditor")).get(f"{RUNS}0/progress/").status_code == 404


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, 5, "not comparable"),
        (0, 0, "\N{EN DASH}"),
        (0, 5, "from nothing"),
        (100, 100, "0.0 %"),
        (200, 150, "-25.0 %"),
        (300, 310, "+3.3 %"),
    ],
)
def test_a_change_is_told_beside_the_month_before(before, now, said):
    assert said in change_text(before, now)
