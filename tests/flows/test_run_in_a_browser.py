"""The page of a run follows by itself while a worker issues, prints and sends: in a real browser, over real HTTP."""

from __future__ import annotations

import pytest

from invoices.models import Invoice
from invoices.tasks import render_documents, send_deliveries
from partners.models import BillingRun
from partners.services import build_run
from partners.tasks import issue_approved_runs, mail_runs
from tests.flows.test_admin_in_a_browser import browser, page
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract, a_partner, use

__all__ = ["browser", "page"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs("chromium"),
    pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning"),
]


def test_a_run_with_flags_shows_its_last_columns(page):
    use(a_contract("per_deed", partner=a_partner("Meridian Title & Escrow Data Services International")).partner, 863)
    use(a_partner("Uncontracted"), 12)
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    page.goto(f"/admin/partners/billingrun/{run.pk}/change/")
    page.wait_for_selector(".run-says >> text=nobody will pay for them")
    assert page.evaluate(
        "(table => table.scrollWidth <= table.parentElement.clientWidth)(document.querySelector('.run-entries'))"
    )


def test_a_run_is_approved_and_followed_until_every_invoice_is_sent(page):
    use(a_contract("hybrid", partner=a_partner("Deedworks")).partner, 130)
    a_contract("flat", partner=a_partner("Olympus"), zone="Mars/Olympus")
    a_contract("flat", partner=a_partner("Flatland"))
    run = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="ada")
    page.goto(f"/admin/partners/billingrun/{run.pk}/change/")
    page.wait_for_selector(".run-now >> text=Approved")
    page.wait_for_selector(".run-reason >> text=Mars/Olympus")
    row = page.locator("tbody", has_text="Flatland")
    row.locator("a:has-text('Hold')").click()
    page.fill("[name=reason]", "They end the contract")
    page.click("button:has-text('Hold')")
    page.wait_for_selector(".run-reason >> text=They end the contract")

    page.click("a:has-text('Approve')")
    page.wait_for_selector("text=1 contract comes to $512.00, tax included. 2 parked or held contracts stay out.")
    page.click("label:has-text('Send') + div >> input", force=True)
    page.click("button:has-text('Approve')")
    page.wait_for_selector("[data-live=yes] .run-now >> text=0 of 1")
    page.click(".run-entries summary")
    page.evaluate("window.isTheSamePage = true")

    issue_approved_runs()
    page.wait_for_selector(".run-now >> text=Documents")
    assert page.evaluate("window.isTheSamePage && document.querySelectorAll('.run-entries details[open]').length") == 1
    render_documents()
    page.wait_for_selector(".run-entries >> text=Document kept")
    mail_runs()
    send_deliveries()
    page.wait_for_selector("[data-live=no] .run-entries >> text=Sent")
    assert BillingRun.objects.get().status == "issued"
    assert Invoice.objects.get().total_cents == 512_00
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
