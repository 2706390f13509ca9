"""The nightly proof: every stored total is added up again, and what differs is named."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connections

from billing_site.kit.models import JobRun
from invoices.recounting import recount
from invoices.services import copy_stripe_invoice
from invoices.tasks import TotalsDiffer, recount_totals
from tests import ground
from tests.back_office import a_stripe_invoice
from tests.books import a_draft, an_invoice

pytestmark = pytest.mark.django_db


def test_books_that_agree_say_how_much_was_added_up():
    an_invoice("10.00", "0.33", tax_rate=Decimal("0.19"))
    a_draft("5.00")
    a_stripe_invoice()
    recount_totals()
    assert JobRun.objects.get().outcome == "2 invoices added up again, all agree."


def test_no_invoice_is_nothing_to_do():
    recount_totals()
    assert JobRun.objects.get().state == "nothing_to_do"


def test_a_draft_whose_totals_went_stale_is_named():
    draft = a_draft("10.00")
    draft.lines.update(unit_price=Decimal("9.99"))
    with pytest.raises(TotalsDiffer, match=f"Draft {draft.pk}: subtotal is EUR 10.00, its lines come to EUR 9.99"):
        recount_totals()
    assert JobRun.objects.get().state == "failed"


def test_stripes_invoice_that_is_not_its_lines_is_told_without_an_alarm():
    invoice = a_stripe_invoice()
    copy_stripe_invoice(stripe_invoice_id=invoice.stripe_invoice_id, subtotal_cents=3000)
    recount_totals()
    run = JobRun.objects.get()
    assert run.state == "done"
    assert f"{invoice.stripe_invoice_id}: subtotal is EUR 30.00, its lines come to EUR 29.00" in run.outcome


def test_the_proof_asks_in_batches(django_assert_max_num_queries):
    for _ in range(12):
        a_draft("1.00", "2.00")
    with django_assert_max_num_queries(5):
        assert recount().ours == 12


@pytest.mark.breaks_invariants
@pytest.mark.django_db(transaction=True)
def test_a_cent_changed_behind_every_trigger_is_found():
    invoice = an_invoice("10.00", tax_rate=Decimal("0.19"))
    with ground.administrator(name=connections["default"].settings_dict["NAME"]) as server:
        server.execute("SET session_replication_role = replica")
        server.execute("UPDATE invoice_lines SET tax_cents = tax_cents + 1 WHERE invoice_id = %s", [invoice.pk])
    (found,) = recount().of_ours
    assert str(found) == "INV-2026-000001: tax of line 1 is EUR 1.91, its lines come to EUR 1.90"
