"""Who works with partners in the admin."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.back_office import signed_in, someone


@pytest.fixture
def partner_manager() -> Client:
    return signed_in(someone("Partner manager"))


@pytest.fixture
def finance_manager() -> Client:
    return signed_in(someone("Finance manager"))
