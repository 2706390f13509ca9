"""`make chaos` in small: a few faults, a few partners. And its proof, which must see what is wrong."""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from invoices.documents import keep_document
from invoices.models import Document, Invoice
from tests import ground
from tests.chaos.company import AGREED, Agreement, agree, run_one_more_month, use
from tests.chaos.proof import CHECKS
from tests.partners.agreements import AFTER_OCTOBER, OCTOBER, bill

MONTH = OCTOBER.start


def test_five_faults_at_the_month_end_of_forty_partners_leave_nothing_wrong(tmp_path):
    command = [sys.executable, "-m", "tests.chaos", "--partners", "40", "--faults", "5", "--seed", "7"]
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command += ["--folder", str(tmp_path / "var")]
    storm = subprocess.run(
        command, check=False, cwd=ground.ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert storm.returncode == 0, storm.stdout[-4000:] + storm.stderr[-4000:]
    assert "5 of 5" in storm.stdout
    assert "5 faults in" in storm.stdout


@pytest.fixture
def billed(db) -> list[Agreement]:
    chance = random.Random(11)  # noqa: S311 - the same company every time
    company = agree(partners=len(AGREED), first_month=MONTH, chance=chance)
    use(company, MONTH, chance)
    run_one_more_month(company, MONTH)
    bill(OCTOBER, AFTER_OCTOBER)
    for invoice in Invoice.objects.issued():
        keep_document(paper=invoice)
    return company


def wrong(company: list[Agreement]) -> dict[str, int]:
    found = {name: len(list(check(company))) for name, check in CHECKS.items()}
    return {name: count for name, count in found.items() if count}


def test_a_quiet_month_end_is_found_right(billed):
    assert wrong(billed) == {}


def dearer(company: list[Agreement]) -> None:
    company[0].terms["monthly_fee_cents"] += 1


def one_count_less(company: list[Agreement]) -> None:
    next(one for one in company if one.counts).counts.pop()


def one_count_larger(company: list[Agreement]) -> None:
    counts = next(one for one in company if one.counts and one.terms["pricing_model"] == "flat").counts
    counts[0] = replace(counts[0], quantity=counts[0].quantity + 1)


def usage_told_too_late(company: list[Agreement]) -> None:
    use([one for one in company if one.terms["pricing_model"] == "per_deed"][:1], MONTH, random.Random(1))  # noqa: S311


def a_file_gone(_: list[Agreement]) -> None:
    default_storage.delete(Document.objects.earliest("pk").file_name)


def a_file_written_over(_: list[Agreement]) -> None:
    Path(default_storage.path(Document.objects.earliest("pk").file_name)).write_bytes(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (dearer, {"wrong totals": 1}),
        (one_count_less, {"usage lost or counted twice": 2}),
        (one_count_larger, {"usage lost or counted twice": 3}),
        (usage_told_too_late, {"late usage not settled": 1}),
        (a_file_gone, {"files missing, damaged or twice": 1}),
        (a_file_written_over, {"files missing, damaged or twice": 1}),
    ],
)
def test_the_proof_sees_harm(billed, harm: Callable[[list[Agreement]], None], found: dict[str, int]):
    harm(billed)
    assert wrong(billed) == found


def test_the_proof_misses_a_month_that_nobody_billed(billed):
    run_one_more_month(billed, dt.date(2026, 11, 1))
    assert wrong(billed) == {"missing": len(AGREED)}
