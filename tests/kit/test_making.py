"""Rows made by the thousand are the rows their model makes."""

from __future__ import annotations

import pytest

from billing_site.kit.making import Maker
from invoices.models import Customer, Invoice, InvoiceLine, Seller
from partners.models import BilledPeriod, BillingRun, Contract

MADE = {
    Invoice: {"customer": Customer(pk=7), "seller": Seller(pk=8), "currency": "EUR", "metadata": {"a": 1}},
    InvoiceLine: {"invoice_id": 9, "position": 1, "description": "Deeds"},
    BilledPeriod: {"contract": Contract(pk=3), "invoice": None, "run": BillingRun(pk=4), "terms": {}, "usage": {}},
}


def _said(row):
    return {name: value for name, value in vars(row).items() if name != "_state"}


@pytest.mark.parametrize("model", MADE)
def test_a_row_says_what_its_model_would_have_made_of_the_same_values(model):
    made, plain = Maker(model)(**MADE[model]), model(**MADE[model])
    assert _said(made) == _said(plain)
    assert made._state.adding
    assert made._state.fields_cache == plain._state.fields_cache


def test_each_row_has_objects_of_its_own():
    make = Maker(InvoiceLine)
    assert make().metadata == {}
    assert make().metadata is not make().metadata


def test_a_name_the_model_does_not_have_is_refused():
    with pytest.raises(TypeError, match="InvoiceLine has no field colour"):
        Maker(InvoiceLine)(colour="red")
