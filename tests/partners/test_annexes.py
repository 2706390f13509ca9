"""The usage annex: every amount on it adds up to the billed line, and what cannot be told so is left out and said."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest

from billing_site.kit.money import Money
from invoices.canonical import AnnexGroup, Rate, UsageAnnex, Word
from invoices.documents import canonical_of
from invoices.models import Invoice
from invoices.pdf import render
from invoices.pdf.annex_words import ANNEX_WORDS
from invoices.pdf.labels import LABELS
from invoices.pdf.usage import present_usage
from invoices.pdf.wording import Wording
from partners import annexes
from partners.counting import late_rows
from partners.evidence import Days
from partners.models import PartnerApiKey
from tests.invoices.test_pdf import INVOICE, OCTOBER_IN_BERLIN
from tests.partners.agreements import NOVEMBER, a_contract, bill, use

AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)
IN_NOVEMBER = "2026-11-15T12:00:00+00:00"


def annexes_of_last() -> tuple[UsageAnnex, ...]:
    return canonical_of(Invoice.objects.latest("pk")).annexes


def column(annex: UsageAnnex, name: str) -> list:
    """The cells of a column, those of subtotals and totals left out."""
    place = annex.columns.index(name)
    return [row[place] for group in annex.groups for row in group.rows]


def use_everywhere(partner, *, meter: str = "deed", counts=(7, 11, 13, 1)) -> None:
    places = [("pk1", "/v2/a"), ("pk1", "/v2/b"), ("pk2", "/v2/a"), ("", "")]
    for (prefix, endpoint), quantity in zip(places, counts, strict=True):
        use(partner, quantity, meter=meter, api_key_prefix=prefix, endpoint=endpoint)


@pytest.mark.django_db
def test_amounts_of_rows_add_up_to_the_billed_line_and_stand_beside_their_rate():
    contract = a_contract("per_deed", price_per_deed=Decimal("0.333333"))
    use_everywhere(contract.partner)
    bill()
    (annex,) = annexes_of_last()
    billed = Invoice.objects.get().lines.get(kind="usage").amount_cents
    assert annex.columns == ("endpoint", "deeds", "rate", "amount")
    assert sum(money.cents for money in column(annex, "amount")) == billed == 1067
    assert set(column(annex, "rate")) == {Rate(Decimal("0.333333"), 1)}
    assert annex.groups[-1] == AnnexGroup("", (), subtotal=(None, 32, "", Money(1067, "USD")))
    assert annex.notes == ()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("model", "meter", "counts", "terms"),
    [
        ("hybrid", "deed", (70, 110, 13, 1), {}),
        ("per_request", "request", (7000, 11, 1300, 1), {}),
        ("per_request", "request", (7000, 11, 1300, 1), {"included_requests": 500, "rounding": "exact"}),
        ("per_request", "request", (7000, 11, 1300, 1), {"currency": "JPY", "price_per_1000_requests": Decimal(120)}),
    ],
)
def test_included_units_and_whole_packages_are_shared_out_and_said_to_be(model, meter, counts, terms):
    contract = a_contract(model, **terms)
    use_everywhere(contract.partner, meter=meter, counts=counts)
    bill()
    (annex,) = annexes_of_last()
    line = Invoice.objects.get().lines.get(kind="usage")
    assert "rate" not in annex.columns
    assert sum(money.cents for money in column(annex, "amount")) == line.amount_cents > 0
    assert annex.notes == (Word("shares", {"amount": Money(line.amount_cents, line.invoice.currency)}),)


@pytest.mark.django_db
def test_usage_that_costs_nothing_has_no_amounts():
    contract = a_contract("hybrid")
    use_everywhere(contract.partner)
    bill()
    (annex,) = annexes_of_last()
    assert (annex.columns, annex.notes) == (("endpoint", "deeds"), ())


@pytest.mark.django_db
def test_after_late_usage_a_copy_shows_no_amounts_and_says_why():
    contract = a_contract("per_deed")
    use_everywhere(contract.partner)
    bill()
    use(contract.partner, 5)
    (annex,) = annexes_of_last()
    assert (annex.columns, annex.notes) == (("endpoint", "deeds"), (Word("no_amounts"),))
    assert annex.groups[-1] == AnnexGroup(Word("after_billing"), ((Word("not_invoiced"), 5),))
    assert dict(annex.tiles)["deeds_retrieved"] == 32


@pytest.mark.django_db
def test_late_usage_has_an_annex_of_its_own_for_the_month_it_belongs_to():
    contract = a_contract("per_deed")
    use_everywhere(contract.partner)
    bill()
    november = a_call(contract.partner, dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    november(3, "pk1", "/v2/late")
    november(4, "pk2", "/v2/a")
    use(contract.partner, 20, at=IN_NOVEMBER)
    bill(NOVEMBER, AFTER_NOVEMBER)
    month, late = annexes_of_last()
    assert (month.title, month.period.start, late.title, late.period.start) == (
        Word("usage_details"),
        dt.date(2026, 11, 1),
        Word("late_usage"),
        dt.date(2026, 10, 1),
    )
    assert [row[:2] for group in late.groups for row in group.rows] == [("/v2/late", 3), ("/v2/a", 4)]
    charged = Money(7 * 240, "USD")
    assert late.tiles == (
        ("counted_late", 7),
        ("billed_before", 32),
        ("counted_in_all", 39),
        ("charged_late", charged),
    )
    assert sum(money.cents for money in column(late, "amount")) == charged.cents
    assert late.notes == (Word("late_rows"), Word("shares", {"amount": charged}))


def a_call(partner, now: dt.datetime):
    """Report usage of October at another moment than the rest."""
    from partners.metering import NewUsage
    from partners.services import record_usage

    def report(quantity: int, prefix: str, endpoint: str) -> None:
        event = NewUsage(
            idempotency_key=f"{now}-{prefix}-{endpoint}",
            event_type="deed",
            occurred_at=dt.datetime(2026, 10, 9, tzinfo=dt.UTC),
            quantity=Decimal(quantity),
            api_key_prefix=prefix,
            endpoint=endpoint,
        )
        record_usage(partner=partner, events=[event], now=now)

    return report


@pytest.mark.django_db
def test_late_rows_that_cannot_be_told_from_the_others_are_not_made_up():
    contract = a_contract("per_deed")
    use(contract.partner, 10)
    october = Days(contract.partner, "deed", dt.date(2026, 10, 1), dt.date(2026, 11, 1))
    assert late_rows(october, before=Decimal(4), after=Decimal(10)) == []
    assert [row.counted.deeds for row in late_rows(october, before=Decimal(0), after=Decimal(10))] == [10]


@pytest.mark.django_db
def test_where_late_rows_cannot_be_told_the_whole_month_is_shown_and_said_to_be():
    contract = a_contract("per_deed")
    use(contract.partner, 10, endpoint="/v2/a")
    bill()
    use(contract.partner, 5, endpoint="/v2/b")  # received at the same instant as the others
    bill(NOVEMBER, AFTER_NOVEMBER)
    (late,) = annexes_of_last()
    assert [row[:2] for group in late.groups for row in group.rows] == [("/v2/a", 10), ("/v2/b", 5)]
    assert (late.columns, late.notes) == (("endpoint", "deeds"), (Word("late_month", {"count": 5}),))


@pytest.mark.django_db
def test_what_counts_least_is_added_up_in_one_row_where_the_paper_would_never_end(monkeypatch):
    monkeypatch.setattr(annexes, "MOST_ROWS", 3)
    contract = a_contract("per_deed", price_per_deed=Decimal("0.50"))
    use_everywhere(contract.partner, counts=(7, 11, 13, 1))
    bill()
    (annex,) = annexes_of_last()
    assert column(annex, "deeds") == [11, 13, 8]
    assert [row[0] for row in annex.groups[-2].rows] == [Word("other_rows", {"count": 2})]
    assert annex.groups[-1].subtotal == (None, 32, "", Money(1600, "USD"))
    assert sum(money.cents for money in column(annex, "amount")) == 1600


@pytest.mark.django_db
def test_a_key_is_called_by_its_name_and_what_named_none_comes_last():
    contract = a_contract("per_deed")
    key, _ = PartnerApiKey.objects.create_key(name="details", partner=contract.partner)
    use(contract.partner, 1)
    use(contract.partner, 2, api_key_prefix="aaaa")
    use(contract.partner, 3, api_key_prefix=key.prefix)
    bill()
    (annex,) = annexes_of_last()
    headings = [group.heading for group in annex.groups]
    assert sorted(headings[:2], key=str) == sorted(["details", Word("api_key")], key=str)
    assert headings[2:] == [Word("without_key"), ""]
    assert annex.subtitle == Word("keys_many", {"count": 2})


# --- In print --------------------------------------------------------------------------------------------------------

KEYS = UsageAnnex(
    Word("usage_details"),
    OCTOBER_IN_BERLIN,
    subtitle=Word("keys_many", {"count": 50}),
    tiles=(
        ("api_requests", 1284913),
        ("deeds_retrieved", 418),
        ("average_requests", 41448),
        ("metered_usage", Money(338029, "EUR")),
    ),
    daily=tuple((dt.date(2026, 10, 1) + dt.timedelta(i), 100 + i) for i in range(31)),
    groups=tuple(
        AnnexGroup(
            f"Key {key:02}",
            tuple(
                (f"/v2/{key:02}/{endpoint:02}", 1000, 2, Rate(Decimal("1.85"), 1000), Money(185, "EUR"))
                for endpoint in range(20)
            ),
            subtotal=(None, 20_000, 40, "", Money(3700, "EUR")),
            key_label=f"pk_live_{key:02}…",
        )
        for key in range(50)
    ),
    notes=(Word("shares", {"amount": Money(338029, "EUR")}),),
)


@pytest.mark.parametrize("language", LABELS)
def test_no_english_word_is_left_on_an_annex_in_another_language(language):
    late = replace(
        KEYS,
        title=Word("late_usage"),
        tiles=tuple((name, 7) for name in ("counted_late", "billed_before", "counted_in_all", "charged_late")),
        daily_title="deeds_per_day",
        notes=(Word("late_rows"), Word("late_month", {"count": 5}), Word("no_amounts")),
        groups=(AnnexGroup(Word("without_key"), ((Word("not_invoiced"), 1, 1, None, None),), key_label=""),),
    )
    printed = "\n".join(str(present_usage(annex, Wording(language, "EUR"))) for annex in (KEYS, late))
    assert not re.search(r"\{\w+\}", printed)
    assert [word for word in ANNEX_WORDS["en"] if "_" in word and word in printed] == []
    english = {word for word, text in ANNEX_WORDS["en"].items() if ANNEX_WORDS[language][word] == text}
    assert english == (set(ANNEX_WORDS["en"]) if language == "en" else set())


def pages_of(pdf: bytes) -> list[str]:
    pdftotext = shutil.which("pdftotext") or "pdftotext"
    text = subprocess.run([pdftotext, "-layout", "-", "-"], input=pdf, capture_output=True, check=True).stdout
    return text.decode().split("\f")[:-1]


@pytest.mark.needs("pdftotext")
def test_fifty_keys_of_twenty_endpoints_page_without_widows_under_repeated_heads():
    pdf = render(replace(INVOICE, annexes=(KEYS,)))
    pages = pages_of(pdf)[1:]
    for page in pages[1:]:
        lines = [line for line in page.splitlines() if line.strip()]
        assert re.search(r"Endpoint\s+Requests\s+Deeds\s+Rate\s+Amount", page), "the head is repeated"
        body = [line for line in lines if re.search(r"^\s*(Key \d\d|/v2/|Subtotal)", line)]
        assert not body[-1].strip().startswith("Key"), "a heading stands with its first row"
        assert not body[0].strip().startswith("Subtotal"), "a subtotal stands with its last row"
    text = "\n".join(pages)
    assert len(re.findall(r"^\s*/v2/\d\d/\d\d", text, re.MULTILINE)) == 1000
