"""One sweep over a month of invoices takes no more memory at its end than after its first hundred."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from invoices.models import Document
from invoices.services import issue_invoices
from invoices.tasks import render_documents
from tests.books import NOW, TODAY, a_customer, a_draft, a_seller

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:unclosed file .*sRGB2014:ResourceWarning")]

IS_WHOLE = hypothesis_settings.get_current_profile_name() == "proofs"
FIRST, ALL = (100, 1_000) if IS_WHOLE else (20, 50)
MOST_GROWTH_MB = 6


def resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path) -> None:
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells a process's memory this way")
def test_a_sweep_takes_no_more_memory_the_longer_it_runs():
    seller, customer = a_seller(), a_customer()
    drafts = [a_draft("100.00", "25.50", seller=seller, customer=customer) for _ in range(ALL)]
    issue_invoices(invoices=drafts, on=TODAY, now=NOW, by="ada")
    for _ in range(2):  # a sweep that stops at its limit nudges the next, and the first nudge loads the broker's client
        render_documents(limit=1)
    render_documents(limit=FIRST)
    after_first = resident_mb()
    render_documents(limit=ALL)
    after_all = resident_mb()
    told = f"{after_first} MB after {FIRST} documents, {after_all} MB after {ALL}"
    assert Document.objects.count() == ALL
    assert after_all - after_first <= MOST_GROWTH_MB, told
