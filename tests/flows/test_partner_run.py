"""The month end from the first event over the API to PDFs in the storage, by the one command a person types."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from billing_site.kit.money import Money
from invoices.canonical import Rate, Word
from invoices.documents import canonical_of, open_document
from invoices.models import Document, Invoice
from partners.metering import CountsBatch, RequestCount
from partners.models import BilledPeriod, BillingRun, Contract, PartnerApiKey, PurchaseOrder
from partners.services import build_run, record_counts
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, a_contract, a_partner, a_seller, use

# WeasyPrint leaves its own colour profile to the garbage collector to close.
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")]


@pytest.fixture(autouse=True)
def second_of_november():
    with time_machine.travel(AFTER_OCTOBER):
        yield


def bill_partners(*options: str) -> str:
    out = io.StringIO()
    call_command("bill_partners", *options, stdout=out)
    return out.getvalue()


def report(contract: Contract, events: list[dict[str, object]]) -> None:
    """Post events with the partner's own key, as its gateway does."""
    _, key = PartnerApiKey.objects.create_key(name="Production", partner=contract.partner)
    body = json.dumps({"events": events})
    headers = {"Authorization": f"Api-Key {key}"}
    answer = Client().post("/api/v1/usage-events", body, content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content


def a_month(meter: str, per_day: int, endpoint: str) -> list[dict[str, object]]:
    """One event a day, the 1st first second and the 31st last second included."""
    hours = ["00:00:00", *["12:00:00"] * 29, "23:59:59"]
    return [
        {
            "idempotency_key": f"{meter}-{endpoint}-{day}",
            "event_type": meter,
            "quantity": per_day,
            "endpoint": endpoint,
            "occurred_at": f"2026-10-{day:02}T{hour}Z",
        }
        for day, hour in enumerate(hours, start=1)
    ]


@pytest.fixture
def four_contracts() -> dict[str, Contract]:
    """One of each model, each used in its way over October."""
    a_seller(tax_id="DE136695976", iban="DE89370400440532013000", bic="COBADEFFXXX", bank_name="Commerzbank")
    contracts = {
        "flat": a_contract("flat", partner=a_partner("Flatland Titles")),
        "per_deed": a_contract("per_deed", partner=a_partner("Deedworks"), currency="EUR", tax_rate=Decimal("0.19")),
        "hybrid": a_contract("hybrid", partner=a_partner("Mixed Estates")),
        "per_request": a_contract("per_request", partner=a_partner("Query House"), currency="JPY"),
    }
    PurchaseOrder.objects.create(partner=contracts["hybrid"].partner, number="PO-88213", currency="USD")
    report(contracts["per_deed"], a_month("deed", 10, "/v2/deeds/{id}") + a_month("deed", 2, "/v2/deeds/{id}/pdf"))
    report(contracts["hybrid"], a_month("deed", 5, "/v2/deeds/{id}"))
    report(contracts["per_request"], a_month("request", 1000, "/v2/parcels/search"))
    extra = RequestCount(day=dt.date(2026, 10, 31), requests=1, endpoint="/v2/owners/lookup")
    batch = CountsBatch("extra", (extra,))
    record_counts(partner=contracts["per_request"].partner, batch=batch, now=AFTER_OCTOBER)
    use(contracts["per_deed"].partner, 99, at="2026-11-01T00:00:00+00:00")
    return contracts


def test_a_month_of_four_contracts_is_billed_printed_and_billed_once(four_contracts):
    said = bill_partners("--month", "2026-10")
    lines = {
        name: list(contract.billed_periods.get().invoice.lines.order_by("position").values_list("kind", "amount_cents"))
        for name, contract in four_contracts.items()
    }
    assert lines == {
        "flat": [("fee", 500_00)],
        "per_deed": [("usage", 31 * 12 * 240)],
        "hybrid": [("fee", 500_00), ("usage", 55 * 40)],
        "per_request": [("usage", 59)],
    }
    totals = Invoice.objects.order_by("invoice_number").values_list("invoice_number", "currency", "total_cents")
    assert list(totals) == [
        ("INV-2026-000001", "USD", 500_00),
        ("INV-2026-000002", "EUR", 892_80 + 169_63),
        ("INV-2026-000003", "USD", 522_00),
        ("INV-2026-000004", "JPY", 59),
    ]
    for sentence in ("Total EUR: EUR 1062.43", "Total JPY: JPY 59", "Total USD: USD 1022.00", "31,001 requests"):
        assert sentence in said
    _every_invoice_has_its_document(said)

    again = bill_partners("--month", "2026-10")
    assert again == "Nothing to bill for 2026-10.\n"
    assert Invoice.objects.count() == Document.objects.count() == BilledPeriod.objects.count() == 4


def _every_invoice_has_its_document(said: str) -> None:
    for invoice in Invoice.objects.all():
        document = invoice.documents.get()
        with default_storage.open(document.file_name) as file:
            content = file.read()
        assert hashlib.sha256(content).hexdigest() == document.sha256
        assert content.startswith(b"%PDF-")
        assert invoice.invoice_number in said
        assert document.file_name in said


def test_the_annex_leads_from_the_amount_to_keys_endpoints_and_days(four_contracts):
    bill_partners("--month", "2026-10", "--no-documents")
    (annex,) = canonical_of(four_contracts["per_deed"].billed_periods.get().invoice).annexes
    (group,) = annex.groups
    assert group.heading == "Production"
    rate = Rate(Decimal("2.4"), 1)
    assert group.rows == (
        ("/v2/deeds/{id}", 310, rate, Money(744_00, "EUR")),
        ("/v2/deeds/{id}/pdf", 62, rate, Money(148_80, "EUR")),
    )
    assert group.subtotal == (None, 372, "", Money(892_80, "EUR"))
    assert annex.columns == ("endpoint", "deeds", "rate", "amount")
    assert [quantity for _, quantity in annex.daily] == [12] * 31
    assert canonical_of(four_contracts["flat"].billed_periods.get().invoice).annexes == ()


def test_the_annex_says_what_came_in_after_billing(four_contracts):
    bill_partners("--month", "2026-10", "--no-documents")
    use(four_contracts["hybrid"].partner, 7)
    (annex,) = canonical_of(four_contracts["hybrid"].billed_periods.get().invoice).annexes
    assert annex.groups[-1].rows == ((Word("not_invoiced"), 7),)
    assert dict(annex.tiles)["deeds_retrieved"] == 155


@pytest.mark.needs("pdftotext")
def test_the_printed_invoice_reads_as_the_contract_was_agreed(four_contracts):
    bill_partners("--month", "2026-10", "--partner", "mixed estates")
    document = Document.objects.get()
    text = subprocess.run(
        [shutil.which("pdftotext") or "pdftotext", "-layout", "-", "-"],
        input=open_document(document),
        capture_output=True,
        check=True,
    ).stdout.decode()
    explained = "155 deeds, 100 included, 55 at $0.40"
    for words in ("PO-88213", "$522.00", explained, "Usage details", "1\u201331 Oct 2026"):
        assert words in text


def test_a_dry_run_shows_the_month_and_keeps_nothing(four_contracts):
    said = bill_partners("--month", "2026-10", "--dry-run")
    told = ("Deedworks", "372 deeds", "EUR 1062.43", "Total USD: USD 1022.00", "not comparable", "nothing was kept")
    for words in told:
        assert words in said
    assert not Invoice.objects.exists()
    assert not BillingRun.objects.exists()
    assert "99 deeds" in bill_partners("--month", "2026-11", "--dry-run")


def test_the_last_full_month_is_billed_where_none_is_named(four_contracts):
    bill_partners("--no-documents")
    assert set(BilledPeriod.objects.values_list("period_start", flat=True)) == {OCTOBER.start}


def test_one_partner_is_billed_alone_and_the_rest_later(four_contracts):
    everybody = build_run(period=OCTOBER, now=AFTER_OCTOBER, by="the schedule")
    assert "Total EUR: EUR 1062.43" in bill_partners("--month", "2026-10", "--partner", "Deedworks", "--no-documents")
    assert Invoice.objects.count() == 1
    everybody.refresh_from_db()
    assert (everybody.status, everybody.entries.held().get().contract) == ("preview", four_contracts["per_deed"])
    assert "Total USD: USD 1022.00" in bill_partners("--month", "2026-10", "--no-documents")
    assert Invoice.objects.count() == 4


def test_what_surprises_is_told_before_and_after(four_contracts):
    said = bill_partners("--month", "2026-10", "--dry-run")
    assert "New Deedworks: First month of this partner: €1,062.43." in said
    assert "New Deedworks" in bill_partners("--month", "2026-10", "--no-documents")


def test_a_parked_contract_is_told_and_stops_nobody(four_contracts):
    a_contract("flat", partner=a_partner("Olympus Mons"), zone="Mars/Olympus")
    out = io.StringIO()
    with pytest.raises(CommandError, match="One contract is parked; correct it and run this again"):
        call_command("bill_partners", "--month", "2026-10", "--no-documents", stdout=out)
    assert "Parked" in out.getvalue()
    assert "Mars/Olympus" in out.getvalue()
    assert Invoice.objects.count() == 4


def test_a_run_killed_before_its_papers_is_finished_by_the_next(four_contracts):
    bill_partners("--month", "2026-10", "--no-documents")
    said = bill_partners("--month", "2026-10")
    assert "Writing document 4 of 4" in said
    assert Document.objects.count() == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--month", "2026-13"], "'2026-13' is not a month"),
        (["--month", "October"], "'October' is not a month"),
        (["--month", "2026-11"], "2026-11 is not over yet; it can be billed from 2026-12-01 on"),
        (["--month", "2026-10", "--partner", "Deedwork"], "There is no partner 'Deedwork'. Did you mean Deedworks?"),
    ],
)
def test_a_wrong_word_is_refused_with_one_sentence(four_contracts, options, sentence):
    with pytest.raises(CommandError) as refused:
        bill_partners(*options)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Invoice.objects.exists()


def test_the_document_has_the_place_of_its_storage(four_contracts, settings):
    bill_partners("--month", "2026-10", "--partner", "Flatland Titles")
    document = Document.objects.get()
    assert document.file_name.startswith("invoices/2026/11/")
    assert (Path(settings.STORAGES["default"]["OPTIONS"]["location"]) / document.file_name).is_file()
