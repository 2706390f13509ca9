"""A NUL in an address is refused at the door, not by the database."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "address",
    [
        "/admin/kit/servicekey/%00/change/",
        "/admin/partners/partnerapikey/%00/delete/",
        "/admin/autocomplete/?app_label=invoices&model_name=invoice&field_name=customer&term=%00",
        "/admin/invoices/invoice/?q=%00",
    ],
)
def test_a_nul_in_an_address_is_a_bad_request(admin_client, address):
    assert admin_client.get(address).status_code == 400


@pytest.mark.parametrize("chosen", ["", "x", "99999999999999999999999"])
def test_an_export_of_rows_that_are_none_is_no_fault(admin_client, chosen):
    asked = {"format": "0", "export_items": chosen}
    assert admin_client.post("/admin/payments/payment/export/", asked).status_code == 200
