"""Rows written together are the rows that are saved one by one."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from billing_site.kit.writing import insert_rows
from invoices.enums import LineKind, TaxCategory
from invoices.models import Invoice, InvoiceLine
from tests.books import a_draft

pytestmark = pytest.mark.django_db


def _line(**fields):
    given = {"description": "Deeds", "unit_price": Decimal("2.40"), "tax_category": TaxCategory.ZERO}
    days = {"service_period_start": dt.date(2026, 10, 1), "service_period_end": dt.date(2026, 11, 1)}
    return InvoiceLine(invoice=a_draft(), **days, **given | fields)


def test_a_row_written_in_a_block_reads_as_one_that_is_saved():
    block, alone = _line(position=7), _line(position=7)
    insert_rows(InvoiceLine, [block])
    alone.save()
    written, saved = InvoiceLine.objects.filter(position=7).order_by("pk").values()
    own = {"id", "invoice_id"}
    assert {name: written[name] for name in written if name not in own} == {
        name: saved[name] for name in saved if name not in own
    }
    assert written["tax_category"] == "Z"


def test_a_number_nobody_can_pay_is_refused_in_a_block_too():
    with pytest.raises(ValidationError):
        insert_rows(InvoiceLine, [_line(position=7, unit_price=Decimal("NaN"))])


def test_a_number_without_digits_is_refused_though_its_neighbours_are_fine():
    with pytest.raises(ValidationError):
        insert_rows(InvoiceLine, [_line(position=7), _line(position=8, unit_price=Decimal("NaN"))])


def test_a_choice_is_written_as_its_value():
    plain, chosen = _line(position=7, kind="fee"), _line(position=8, kind=LineKind.FEE)
    insert_rows(InvoiceLine, [plain, chosen])
    assert list(InvoiceLine.objects.filter(pk__in=[plain.pk, chosen.pk]).values_list("kind", flat=True)) == ["fee"] * 2


def test_an_object_that_rows_share_is_written_in_each():
    draft, shared = a_draft(), {"name": "Ürün GmbH", "rows": [1, None, True]}
    given = {"customer": draft.customer, "seller": draft.seller, "currency": "EUR"}
    insert_rows(Invoice, [Invoice(**given, metadata=metadata) for metadata in (shared, {}, shared)])
    written = Invoice.objects.exclude(pk=draft.pk).order_by("pk").values_list("metadata", flat=True)
    assert list(written) == [shared, {}, shared]
