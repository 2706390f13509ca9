"""Where a page breaks within the lines, its foot and the next one's head tell the same sum."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from itertools import accumulate

import pytest

from invoices.canonical import CanonicalLine
from invoices.pdf import render
from invoices.pdf.labels import LABELS
from tests.invoices.test_pdf import ANNEX, INVOICE, LINES, pdf_text

# WeasyPrint leaves its own colour profile to the garbage collector to close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")
SUM = r"\s+(€[0-9,]+\.[0-9]{2})"


def pages_of(invoice):
    return pdf_text(render(invoice)).split("\f")[:-1]


def sums(pages, words):
    return [(re.findall(words + SUM, page) or [""])[-1] for page in pages]


def test_each_page_goes_on_from_the_sum_of_the_one_before():
    amounts = [(-1) ** (number % 7 == 0) * number * 100 for number in range(1, 121)]
    lines = tuple(CanonicalLine(f"Row-{n}.", Decimal(1), Decimal(n), cents) for n, cents in enumerate(amounts, start=1))
    pages = pages_of(replace(INVOICE, lines=lines, annexes=(ANNEX,)))
    last_rows = [int(re.findall(r"Row-([0-9]+)\.", page)[-1]) for page in pages if "Row-" in page]
    so_far = [f"€{cents // 100:,}.00" for cents in accumulate(amounts)]
    carried = [so_far[row - 1] for row in last_rows[:-1]]
    assert len(last_rows) > 3
    assert last_rows[-1] == 120
    assert sums(pages, "Carried forward") == [*carried, "", ""]
    assert sums(pages, "Brought forward") == ["", *carried, ""]


def test_one_page_carries_nothing():
    (page,) = pages_of(INVOICE)
    assert "forward" not in page


def test_a_credit_note_of_many_lines_carries_its_sums_too():
    pages = pages_of(replace(INVOICE, kind="credit_note", lines=LINES * 12))
    carried, brought = sums(pages, "Carried forward"), sums(pages, "Brought forward")
    assert len(pages) > 2
    assert "" not in carried[:-1]
    assert carried == [*brought[1:], ""]


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja"])
def test_sums_are_carried_in_the_language_of_the_document(language):
    pages = pages_of(replace(INVOICE, language=language, lines=LINES * 12))
    carried, brought = LABELS[language]["carried_forward"], LABELS[language]["brought_forward"]
    last = len(pages) - 1
    expected = [(number != last) + (number != 0) for number in range(len(pages))]
    assert [page.count(carried) + page.count(brought) * (carried != brought) for page in pages] == expected
