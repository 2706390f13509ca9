"""What is no tax id, no account and no harmless logo is said in a sentence."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest

from billing_site.demo import cast
from invoices.identities import fault_of_bic, fault_of_iban, fault_of_tax_id, is_checked
from invoices.logos import MOST_BYTES, UnfitLogo, data_url, logo_of

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10" fill="#4f46e5"/>{}</svg>'
)


def a_png(width=4, height=4):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("country", "tax_id"),
    [
        ("DE", "DE136695976"),
        ("DE", "de 136 695 976"),
        ("AT", "ATU00000024"),
        ("FR", "FR40303265045"),
        ("GB", "GB 999 9999 73"),
        ("CH", "CHE-116.281.710 MWST"),
        ("US", "12-3456789"),
        ("GR", "EL094259216"),
        ("JP", "T7000012050002"),
        ("US", "DE136695976"),  # registered for VAT in another country
    ],
)
def test_an_id_that_exists_is_taken_as_its_country_writes_it(country, tax_id):
    assert fault_of_tax_id(tax_id, country=country) == ""


@pytest.mark.parametrize(
    ("country", "tax_id", "why"),
    [
        ("DE", "DE136695967", "swapped digit"),
        ("DE", "DE1", "too few or too many"),
        ("GB", "GB999999974", "swapped digit"),
        ("US", "1", "not written as such ids are"),
        ("FR", "none", "not written as such ids are"),
        ("JP", "T1234567890123", "swapped digit"),
    ],
)
def test_a_mistyped_id_is_named_with_the_reason(country, tax_id, why):
    said = fault_of_tax_id(tax_id, country=country)
    assert said.startswith(f"{tax_id} is no valid tax id of {country}: ")
    assert why in said


@pytest.mark.parametrize("country", ["UA", "", "ZZ"])
def test_an_id_nobody_can_check_is_let_through(country):
    assert (is_checked(country), fault_of_tax_id("12345", country=country)) == (False, "")


def test_the_companies_of_the_demo_have_ids_that_could_exist():
    parties = [*cast.company()["sellers"], *cast.partners()]
    given = [(party["tax_id"], party["country"]) for party in parties if party["tax_id"]]
    assert [fault_of_tax_id(tax_id, country=country) for tax_id, country in given] == [""] * len(given)
    assert len(given) > 5


def test_an_account_that_cannot_be_paid_to_is_refused():
    assert fault_of_iban("DE89 3704 0044 0532 0130 00") == ""
    assert "swapped digit" in fault_of_iban("DE89370400440532013001")
    assert fault_of_bic("COBADEFFXXX") == ""
    assert "8 or 11 characters" in fault_of_bic("COBADE")


def test_a_harmless_picture_is_kept_as_it_is():
    svg = SVG.format('<use href="#a"/><image href="data:image/png;base64,AAAA"/>')
    assert logo_of(svg.encode()) == svg
    assert base64.b64decode(data_url(svg).partition(",")[2]).decode() == svg
    assert data_url("") == ""


def test_a_png_is_kept_inside_an_svg_of_its_size():
    svg = logo_of(a_png(40, 10))
    assert 'viewBox="0 0 40 10"' in svg
    assert base64.b64encode(a_png(40, 10)).decode() in svg


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SVG.format("<script>alert(1)</script>"), "contains <script>"),
        (SVG.format("<foreignObject/>"), "contains <foreignObject>"),
        (SVG.format('<g onload="x()"/>'), "runs something (onload)"),
        (SVG.format('<image href="https://elsewhere.example/x.png"/>'), "refers to something outside"),
        (SVG.format('<a href="javascript:alert(1)"/>'), "refers to something outside"),
        (SVG.format('<image href="file:///etc/passwd"/>'), "refers to something outside"),
        (SVG.format('<image href="data:image/svg+xml;base64,AAAA"/>'), "refers to something outside"),
        (SVG.format('<g style="fill:url(https://elsewhere.example)"/>'), "fetches something"),
        (SVG.format("<style>@import 'https://elsewhere.example'</style>"), "fetches something"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format("&a;"), "declares entities"),
        ("<html/>", "no SVG picture"),
        ("GIF89a", "neither an SVG nor a PNG"),
        (SVG.format("x" * MOST_BYTES), "at most 64 kB"),
    ],
)
def test_a_picture_that_runs_or_fetches_is_refused(content, said):
    with pytest.raises(UnfitLogo, match=said.replace("(", r"\(").replace(")", r"\)")):
        logo_of(content.encode())


@pytest.mark.parametrize(
    "content", [a_png()[:40], a_png()[:10], b"\xff\xfe\x00", a_png()[:16] + b"\xff" * 8 + a_png()[24:]]
)
def test_a_damaged_picture_is_refused(content):
    with pytest.raises(UnfitLogo):
        logo_of(content)
