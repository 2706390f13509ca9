"""The document a customer receives: every amount right in its language, the same bytes each time, nothing fetched."""
# ruff: noqa: RUF001 (documents print true minus signs and dashes)

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from billing_site.kit.charts import daily_bars
from billing_site.kit.money import Money
from billing_site.kit.periods import Period
from invoices import annexes
from invoices.canonical import (
    AnnexGroup,
    BankAccount,
    CanonicalInvoice,
    CanonicalLine,
    Party,
    TaxSum,
    UsageAnnex,
)
from invoices.pdf import fingerprint, render, render_html
from invoices.pdf.labels import LABELS
from invoices.pdf.rendering import pdf_from_html
from invoices.pdf.typefaces import FOLDER
from invoices.pdf.wording import Wording

# WeasyPrint leaves its own colour profile to the garbage collector to close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")

VAT = Decimal("0.19")
OCTOBER = {"service_start": date(2026, 10, 1), "service_end": date(2026, 11, 1)}
SELLER = Party(
    "Parcelbase GmbH",
    ("Torstraße 140", "10119 Berlin"),
    email="billing@parcelbase.example",
    tax_id="DE136695976",
    bank=BankAccount("Parcelbase GmbH", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX"),
    logo_svg='<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><rect width="4" height="4"/></svg>',
)
LINES = (
    CanonicalLine("Platform", Decimal(1), Decimal(1490), 149000, unit_label="month", tax_rate=VAT, **OCTOBER),
    CanonicalLine("API requests", Decimal(1284913), Decimal("1.85"), 237709, package_size=1000, tax_rate=VAT),
    CanonicalLine("Deeds", Decimal(418), Decimal("2.40"), 95304, tax_rate=VAT, detail="Tier 2\nfrom 100"),
    CanonicalLine("Yearbook", Decimal(6), Decimal("39.90"), 23940, tax_rate=Decimal("0.07")),
)
INVOICE = CanonicalInvoice(
    number="INV-2026-001482",
    issue_date=date(2026, 11, 1),
    due_date=date(2026, 12, 1),
    currency="EUR",
    seller=SELLER,
    buyer=Party("Nordlicht Grundbuch AG", ("20457 Hamburg",), tax_id="DE129273398"),
    lines=LINES,
    subtotal_cents=505953,
    discount_cents=50595,
    discount_label="Commitment (10%)",
    taxes=(TaxSum(VAT, 433812, 82424), TaxSum(Decimal("0.07"), 21546, 1508)),
    tax_cents=83932,
    total_cents=539290,
    amount_due_cents=539290,
    period_start=date(2026, 10, 1),
    period_end=date(2026, 11, 1),
    purchase_order="PO-88213",
    pay_url="https://pay.example/i/1",
    terms="Payable within 30 days.",
)
OCTOBER_IN_BERLIN = Period.month(2026, 10, ZoneInfo("Europe/Berlin"))
ANNEX = UsageAnnex(
    "Usage details",
    OCTOBER_IN_BERLIN,
    tiles=(("API requests", 1284913), ("Metered usage", Money(338029, "EUR"))),
    daily=tuple((date(2026, 10, 1) + timedelta(i), 100 + i) for i in range(31)),
    groups=(
        AnnexGroup(
            "Production",
            (
                ("/v2/search", 26868, 0, "1.85 / 1k", Money(4971, "EUR")),
                ("/v2/deeds", 108562, 68, "1.85 / 1k + 2.40", Money(36404, "EUR")),
            ),
            subtotal=(None, 135430, 68, "", Money(41375, "EUR")),
            key_label="pk_live_9f3c…a91c",
        ),
    ),
)


def simple(currency: str, cents: int, price: str, **changes: Any) -> CanonicalInvoice:
    """An invoice of one untaxed line."""
    line = CanonicalLine("Deeds", Decimal(1), Decimal(price), cents)
    amounts = {"subtotal_cents": cents, "discount_cents": 0, "taxes": (), "tax_cents": 0, "total_cents": cents}
    return replace(INVOICE, currency=currency, lines=(line,), amount_due_cents=cents, **amounts, **changes)


def printed(invoice: CanonicalInvoice) -> str:
    """The words of the page, as a reader sees them, separated by single spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", render_html(invoice)).split())


def page_count(pdf: bytes) -> int:
    return len(re.findall(rb"/Type ?/Page\b", inflated(pdf)))


def inflated(pdf: bytes) -> bytes:
    """All streams of the file, unpacked."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return b"\n".join(zlib.decompress(one) if one[:1] == b"\x78" else one for one in streams)


def faces_of(pdf: bytes) -> set[str]:
    return {name.decode() for name in re.findall(rb"/BaseFont ?/\w{6}\+([\w-]+)", inflated(pdf))}


def pdf_text(pdf: bytes) -> str:
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    return subprocess.run([tool, "-layout", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def test_every_amount_of_the_invoice_is_printed():
    text = printed(INVOICE)
    for amount in ("€1,490.00", "€1.85", "per 1,000", "€2,377.09", "€953.04", "€239.40", "€5,059.53", "−€505.95"):
        assert amount in text
    assert "VAT 19% on €4,338.12 €824.24 VAT 7% on €215.46 €15.08 Total €5,392.90" in text
    assert "Amount due €5,392.90 EUR Due by 1 December 2026" in text
    assert "Period 1–31 Oct 2026" in text


@pytest.mark.parametrize(
    ("invoice", "expected"),
    [
        (simple("JPY", 500, "500"), "Total ¥500"),
        (simple("KWD", 1234, "1.234"), "Total KWD 1.234"),
        (simple("USD", 2419751, "0.0196"), "$0.0196 $24,197.51"),
        (simple("USD", -1250, "-12.5"), "−$12.50 −$12.50"),
        (simple("JPY", 1, "0.000000000012"), "¥0.000000000012 ¥1"),
        (simple("EUR", 539290, "5392.9", language="de"), "Gesamtbetrag 5.392,90 €"),
        (simple("EUR", 539290, "5392.9", language="fr"), "Total 5 392,90 €"),
        (simple("EUR", 539290, "5392.9", language="es"), "Total 5.392,90 €"),
        (simple("JPY", 485351, "485351", language="ja"), "合計 ¥485,351"),
    ],
)
def test_amounts_read_as_their_currency_and_language_write_them(invoice, expected):
    assert expected in printed(invoice)


def test_an_untaxed_invoice_shows_no_tax_and_no_subtotal():
    text = printed(simple("USD", 1250, "12.5"))
    assert "VAT" not in text
    assert "Subtotal" not in text


def test_the_sales_tax_of_another_country_keeps_its_name():
    assert "GST 19% on €4,338.12" in printed(replace(INVOICE, tax_name="GST"))


def test_every_language_has_every_word_with_the_same_places():
    english = {word: sorted(re.findall(r"{\w+}", text)) for word, text in LABELS["en"].items()}
    for words in LABELS.values():
        assert {word: sorted(re.findall(r"{\w+}", text)) for word, text in words.items()} == english


def test_a_half_open_period_is_printed_by_its_last_day():
    assert Wording("de", "EUR").span(date(2026, 2, 1), date(2026, 3, 1)) == "1.–28. Feb. 2026"
    assert Wording("en", "EUR").span(date(2026, 2, 1), date(2026, 2, 2)) == "1 Feb 2026"


def test_a_paid_invoice_is_stamped_and_asks_for_nothing():
    paid = replace(INVOICE, amount_paid_cents=539290, amount_due_cents=0, paid_at=datetime(2026, 11, 20, tzinfo=UTC))
    text = printed(paid)
    assert "Paid on 20 November 2026 Paid" in text
    assert "Already paid −€5,392.90 Amount due €0.00" in text
    assert "Pay online" not in text
    assert "Pay by bank transfer" not in text


def test_a_partly_paid_invoice_asks_for_the_rest():
    text = printed(replace(INVOICE, amount_paid_cents=300000, amount_due_cents=239290))
    assert "Amount due €2,392.90 EUR" in text
    assert "Already paid −€3,000.00 Amount due €2,392.90" in text


def test_a_draft_says_so_and_cannot_be_paid():
    text = printed(replace(INVOICE, number=""))
    assert text.count("Draft") >= 3
    assert "watermark" in render_html(replace(INVOICE, number=""))
    assert "watermark" not in render_html(INVOICE)
    assert "Pay online" not in text
    assert "IBAN" not in text


def test_a_credit_note_names_the_invoice_it_corrects():
    note = simple("EUR", 67503, "675.03", kind="credit_note", corrects="INV-2026-001482")
    text = printed(replace(note, number="CN-2026-000017"))
    assert "Amount credited €675.03" in text
    assert "For invoice INV-2026-001482" in text
    assert "Total credit €675.03" in text
    assert "Description Amount Deeds €675.03" in text
    assert "Pay" not in text.replace("Payable", "")


def test_a_credit_note_says_what_becomes_of_its_total():
    note = replace(INVOICE, kind="credit_note", corrects="INV-1", amount_due_cents=0)
    parts = {"reduces_due_cents": 300000, "to_credit_cents": 200000, "to_refund_cents": 39290}
    ending = "Off invoice INV-1 €3,000.00 Kept as your credit €2,000.00 To be refunded €392.90"
    assert f"Total credit €5,392.90 {ending}" in printed(replace(note, **parts))


def test_a_copy_says_that_it_is_one():
    assert "INV-2026-001482 · Copy" in printed(replace(INVOICE, is_copy=True))


def test_what_was_credited_is_taken_off_a_paid_copy():
    paid = {"amount_paid_cents": 500000, "credited_cents": 39290, "amount_due_cents": 0}
    text = printed(replace(INVOICE, **paid, paid_at=datetime(2026, 11, 20, tzinfo=UTC)))
    assert "Amount paid €5,000.00" in text
    assert "Already paid −€5,000.00 Credit notes −€392.90 Amount due €0.00" in text


@pytest.mark.parametrize(
    ("category", "reason"), [("AE", "Reverse charge"), ("E", "Tax exempt"), ("G", "Export"), ("K", "Intra-community")]
)
def test_a_line_without_tax_says_why(category, reason):
    text = printed(replace(INVOICE, taxes=(TaxSum(Decimal(0), 505953, 0, category),)))
    assert re.search(rf"{reason}.* on €5,059.53 €0.00", text)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Reverse charge: the recipient owes the tax."),
        ("de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("fr", "Autoliquidation : la TVA est due par le preneur."),
        ("es", "Inversión del sujeto pasivo: el destinatario"),
        ("ja", "リバースチャージ方式：納税義務は"),
    ],
)
@pytest.mark.parametrize("kind", ["invoice", "credit_note"])
def test_reverse_charge_is_written_as_the_law_wants_it(kind, language, sentence):
    paper = replace(INVOICE, kind=kind, language=language, taxes=(TaxSum(Decimal(0), 505953, 0, "AE"),))
    assert sentence in printed(paper)


@pytest.mark.parametrize(
    ("agreed", "told"),
    [({"discount_rate": Decimal("0.1")}, "Discount 10%"), ({"discount_cents": 1250}, "Discount −€12.50")],
)
def test_a_discount_is_told_on_its_line(agreed, told):
    assert f"Yearbook {told}" in printed(replace(INVOICE, lines=(replace(LINES[-1], **agreed),)))


def test_parties_of_two_countries_name_them():
    abroad = replace(INVOICE, seller=replace(SELLER, country="DE"), buyer=Party("Nord AG", ("Wien",), country="AT"))
    assert "Wien Austria" in printed(abroad)
    assert "10119 Berlin Deutschland" in printed(replace(abroad, language="de"))
    assert "Germany" not in printed(replace(abroad, buyer=replace(abroad.buyer, country="DE")))
    written = replace(abroad.buyer, address_lines=("1010 Wien, AUSTRIA",))
    assert "Austria" not in printed(replace(abroad, buyer=written))
    assert "オーストリア" not in printed(replace(abroad, buyer=written, language="ja"))
    street = Party("Nord AG", ("Romanian Street 1",), country="OM")
    assert "Romanian Street 1 Oman" in printed(replace(abroad, buyer=street))


def test_the_brand_heads_the_page_and_the_company_asks_for_the_money():
    html = render_html(replace(INVOICE, seller=replace(SELLER, brand="Parcelbase")))
    assert "<td>Parcelbase</td>" in html
    assert '<div class="name">Parcelbase GmbH</div>' in html


def test_only_a_transfer_in_euros_to_an_iban_gets_a_qr_code():
    local = replace(SELLER, bank=BankAccount("Parcelbase", "1234567"))
    huge = replace(INVOICE, amount_due_cents=1_000_000_000_00)
    assert "GiroCode" in render_html(INVOICE)
    for other in (simple("USD", 1250, "12.5"), replace(INVOICE, seller=local), huge):
        assert "GiroCode" not in render_html(other)
    assert "Account 1234567" in printed(replace(INVOICE, seller=local))


def test_an_account_too_long_for_a_qr_code_is_still_printed():
    endless = replace(SELLER, bank=BankAccount("Parcelbase", "DE" + "8" * 40))
    assert "GiroCode" not in render_html(replace(INVOICE, seller=endless))
    assert "IBAN DE88 8888" in printed(replace(INVOICE, seller=endless))


def test_an_address_that_is_not_https_is_no_button():
    assert "Pay online" not in printed(replace(INVOICE, pay_url="javascript:alert(1)"))


def test_names_are_printed_and_never_run():
    html = render_html(replace(INVOICE, buyer=Party('<img src="file:///etc/passwd">')))
    assert "&lt;img src=" in html
    assert "<img src=&quot;file" not in html


def test_the_usage_annex_explains_the_metered_amount():
    text = printed(replace(INVOICE, annexes=(ANNEX,)))
    assert "1–31 Oct 2026 · times in Europe/Berlin 1,284,913 API requests €3,380.29 Metered usage" in text
    assert "Endpoint Requests Deeds Rate Amount Production pk_live_9f3c…a91c" in text
    assert "/v2/search 26,868 – 1.85 / 1k 49.71" in text
    assert "Subtotal 135,430 68 413.75" in text


def test_weekends_and_a_month_without_usage_are_drawn():
    silent = daily_bars([(date(2026, 10, day), 0) for day in range(1, 32)], title="Requests")
    assert len(re.findall('fill="#c3c8ee"', silent)) == 9
    assert set(re.findall(r'height="(\d+)" rx', silent)) == {"0"}
    assert re.findall(r">(\d+)</text>", silent) == ["1", "5", "10", "15", "20", "25", "31"]
    assert daily_bars([], title="Requests") == ""


def test_a_day_of_corrections_draws_no_bar_below_the_line():
    chart = daily_bars([(date(2026, 10, 1), Decimal(-5)), (date(2026, 10, 2), Decimal(10))], title="Requests")
    assert re.findall(r'height="(\d+)" rx', chart) == ["0", "860"]


def test_higher_floors_add_annexes_once_and_in_order(monkeypatch):
    monkeypatch.setattr(annexes, "_builders", [])
    second = replace(ANNEX, title="Second")
    for builder in (first := lambda _: [ANNEX], lambda _: (second,), first):
        annexes.register(builder)
    assert annexes.annexes_for(INVOICE) == (ANNEX, second)


def test_the_same_invoice_gives_the_same_bytes():
    first = render(INVOICE)
    render(simple("JPY", 500, "500", annexes=(ANNEX,)))
    assert render(INVOICE) == first
    assert fingerprint(render(INVOICE)) == fingerprint(first)
    assert fingerprint(render(replace(INVOICE, terms="Payable at once."))) != fingerprint(first)


def test_another_process_in_another_place_draws_the_same_bytes():
    drawing = (
        "import django; django.setup();"
        "from tests.invoices.test_pdf import ANNEX, INVOICE, replace; from invoices.pdf import fingerprint, render;"
        "print(fingerprint(render(replace(INVOICE, language='ja', annexes=(ANNEX,)))))"
    )
    elsewhere = {"TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "7", "COLUMNS": "40"}
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", drawing],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", **elsewhere},
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=True,
        text=True,
    )
    ours = render(replace(INVOICE, language="ja", annexes=(ANNEX,)))
    assert told.stdout.split()[-1] == fingerprint(ours)


def test_the_file_holds_its_faces_and_nothing_that_runs():
    pdf = render(replace(INVOICE, annexes=(ANNEX,)))
    text = inflated(pdf)
    assert len(re.findall(rb"/FontFile\d? ", text)) == len(faces_of(pdf)) == 5
    for active in (b"/JavaScript", b"/JS", b"/Launch", b"/Encrypt", b"/AA", b"/OpenAction", b"/RichMedia"):
        assert active not in text


def test_the_file_is_pdf_a_3b_dated_by_the_invoice():
    pdf = render(INVOICE)
    assert pdf.startswith(b"%PDF-1.7")
    text = inflated(pdf)
    assert b"/OutputIntents" in text
    assert b"D:20261101" in text
    assert b'pdfaid:part="3" pdfaid:conformance="B"' in text


def test_an_invoice_of_four_lines_fits_on_one_page():
    assert page_count(render(INVOICE)) == 1
    assert page_count(render(replace(INVOICE, annexes=(ANNEX,)))) == 2


def test_a_long_invoice_repeats_its_heads_and_counts_its_pages():
    long = replace(INVOICE, lines=LINES * 30)
    pdf = render(long)
    pages = pdf_text(pdf).split("\f")[:-1]
    assert len(pages) == page_count(pdf) > 4
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Unit price" in page or "Total" in page
        assert ("Invoice INV-2026-001482" in page) == (number > 1)


def test_totals_never_stand_alone_on_a_page():
    for count in range(4, 24):
        pages = pdf_text(render(replace(INVOICE, lines=LINES[3:] * count))).split("\f")
        (page,) = (page for page in pages if "Net total" in page)
        assert page.count("Yearbook") >= 2


def test_text_of_any_script_and_length_is_set_without_a_crash():
    wild = Party(
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4,
        (
            "שדרות רוטשילד 22",
            "شارع الملك فهد",
            "🏠 👩‍👩‍👧",
            "Łódź Ελλάδα Київ 서울 北京市",
            "nul \x00 bell \x07 half \ud83d",
        ),
    )
    line = CanonicalLine("خدمة " * 60, Decimal("123456789.123456"), Decimal("0.000000000012"), 10**16, tax_rate=VAT)
    assert render(replace(INVOICE, seller=wild, buyer=wild, lines=(line,) * 3)).startswith(b"%PDF-1.7")


def test_japanese_is_set_in_our_own_face():
    pdf = render(simple("JPY", 500, "500", language="ja"))
    assert faces_of(pdf) >= {"NotoSansJP-Regular"}
    assert "請求書" in pdf_text(pdf)


@pytest.mark.parametrize(
    ("text", "faces"),
    [
        ("Łódź Ελλάδα Київ Đà Nẵng", set()),
        ("חברת הנדל״ן", {"NotoSansHebrew"}),
        ("شركة العقارات", {"NotoSansArabic"}),
        ("บริษัท กรุงเทพ", {"NotoSansThai"}),
        ("दिल्ली संपत्ति", {"NotoSansDevanagari"}),
        ("서울부동산 똠방각하", {"NotoSansKR"}),
        ("北京市房地产", {"NotoSansSC"}),
        ("您好 臺北", {"NotoSansSC"}),
        ("株式会社山田", {"NotoSansJP"}),
        ("ラーメン 麺🍜", {"NotoSansJP", "NotoEmoji"}),
        ("Casa 🏠 👩‍👩‍👧 ✅", {"NotoEmoji"}),
    ],
)
def test_every_script_is_set_in_our_own_faces(text, faces):
    pdf = render(replace(INVOICE, buyer=Party(text, (text,))))
    found = {face.partition("-")[0] for face in faces_of(pdf) if face.startswith("Noto")}
    assert (found, {face for face in faces_of(pdf) if not face.startswith(("Noto", "Inter"))}) == (faces, set())


def test_hebrew_and_arabic_are_written_from_the_right():
    html = render_html(replace(INVOICE, buyer=Party("שירות Platform", ("42 Platform", "42 شارع الملك"))))
    assert '<div class="name" dir="rtl">שירות Platform</div>' in html
    assert '<div dir="rtl">42 شارع الملك</div>' in html
    assert "<div>42 Platform</div>" in html


def test_an_amount_is_never_broken():
    line = CanonicalLine("x" * 200, Decimal("123456789.123456"), Decimal("0.000000000012"), 10**15, tax_rate=VAT)
    assert "€10,000,000,000,000.00" in pdf_text(render(replace(INVOICE, lines=(line,) * 3)))


def test_latin_documents_carry_only_faces_of_the_repository():
    faces = {"Inter", "Inter-Medium", "Inter-Semi-Bold", "Inter-Display-Semi-Bold", "JetBrains-Mono"}
    assert faces_of(render(replace(INVOICE, annexes=(ANNEX,)))) == faces
    assert {path.name for path in FOLDER.glob("OFL*")} == {
        "OFL-Inter.txt",
        "OFL-JetBrainsMono.txt",
        "OFL-Noto.txt",
        "OFL-NotoSansJP.txt",
        "OFL-NotoSansKR-SC.txt",
    }


class Asked(BaseHTTPRequestHandler):
    paths: list[str] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def listener():
    server = HTTPServer(("127.0.0.1", 0), Asked)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Asked.paths.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_fetches_nothing(listener, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret of the machine")
    pdf = pdf_from_html(
        f'<link rel="stylesheet" href="{listener}/style.css"><style>@import url({listener}/more.css);'
        f"body {{ background: url({listener}/back.png) }} @font-face {{ font-family: x; src: url({listener}/x.ttf) }}"
        f'</style><p style="font-family: x">Hello</p><img src="file:///etc/passwd"><img src="{listener}/pixel.png">'
        f'<object data="{listener}/object.svg"></object><embed src="{secret.as_uri()}">'
        f'<link rel="attachment" href="{secret.as_uri()}"><a rel="attachment" href="{secret.as_uri()}">file</a>',
    )
    assert pdf.startswith(b"%PDF-1.7")
    assert Asked.paths == []
    assert b"the secret" not in inflated(pdf)


def test_a_logo_fetches_nothing(listener):
    logo = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 4 4">'
        f'<image xlink:href="{listener}/pixel.png" width="4" height="4"/><use href="{listener}/other.svg#a"/></svg>'
    )
    assert render(replace(INVOICE, seller=replace(SELLER, logo_svg=logo))).startswith(b"%PDF-1.7")
    assert render(replace(INVOICE, seller=replace(SELLER, logo_svg="<svg broken"))).startswith(b"%PDF-1.7")
    assert Asked.paths == []


def test_what_people_type_fetches_nothing(listener, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret of the machine")
    lures = f'<img src="{listener}/a.png"><iframe src="{secret.as_uri()}"></iframe>url({listener}/b) {secret.as_uri()}'
    logo = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 4 4">'
        f"<style>@import url({listener}/c.css); rect {{ fill: url({listener}/d.svg#e) }}</style>"
        f'<image xlink:href="{secret.as_uri()}" width="4" height="4"/><rect width="4" height="4"/></svg>'
    )
    party = replace(SELLER, name=lures, address_lines=(lures,), registration=lures, logo_svg=logo)
    line = replace(LINES[0], description=lures, detail=lures, unit_label=lures)
    pdf = render(replace(INVOICE, seller=party, buyer=party, lines=(line,), notes=lures, terms=lures))
    assert Asked.paths == []
    assert b"the secret" not in inflated(pdf)


def test_settings_of_the_server_do_not_show(monkeypatch):
    monkeypatch.setattr(settings, "USE_THOUSAND_SEPARATOR", True)
    first = render(INVOICE)
    monkeypatch.setattr(settings, "LANGUAGE_CODE", "fr")
    assert render(INVOICE) == first
