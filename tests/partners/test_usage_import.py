"""Backfill from a file: what it would do is shown first, and it does exactly that, all of it or nothing."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.urls import reverse

from partners.metering import NewUsage
from partners.models import ApiUsage, UsageConflict, UsageEvent
from partners.services import record_usage
from partners.services.usage import imports
from partners.services.usage.imports import NotAUsageFile, import_usage
from tests.back_office import signed_in, someone
from tests.partners.agreements import AFTER_OCTOBER, a_contract, a_partner, bill
from tests.stores import GivesNothing, KeepsAll, stores_of

pytestmark = pytest.mark.django_db
HEAD = "idempotency_key,event_type,occurred_at,quantity,metadata,reverses\n"
OLD = "a,deed,2023-05-01T12:00:00Z,2.5,,\n"
NEW = 'b,deed,2026-10-15T12:00:00+02:00,,"{""case"": 7}",\n'
UNDO = "u,,,,,a\n"
KNOWN = NewUsage("k", "deed", dt.datetime(2026, 10, 15, 12, tzinfo=dt.UTC), Decimal(3))
SAME, OTHER = "k,deed,2026-10-15T12:00:00Z,3,,\n", "k,deed,2026-10-15T12:00:00Z,4,,\n"


@pytest.fixture(autouse=True)
def november():
    with time_machine.travel(AFTER_OCTOBER, tick=False):
        yield


def a_file(*rows: str) -> io.BytesIO:
    return io.BytesIO((HEAD + "".join(rows)).encode())


def imported(partner, *rows: str, dry_run: bool = False):
    return import_usage(partner=partner, file=a_file(*rows), now=AFTER_OCTOBER, dry_run=dry_run)


def counts(report) -> tuple[int, int, int, int]:
    return report.new, report.repeated, report.conflict, report.refused


def test_a_dry_run_tells_what_the_import_then_does():
    partner = a_contract().partner
    record_usage(partner=partner, events=[KNOWN], now=AFTER_OCTOBER)
    bill()
    rows = (OLD, NEW, SAME, OTHER)
    looked = imported(partner, *rows, dry_run=True)
    assert (UsageEvent.objects.count(), UsageConflict.objects.count()) == (1, 0)
    assert counts(looked) == (2, 1, 1, 0)
    assert [(row.line, row.idempotency_key, row.fate) for row in looked.told] == [(5, "k", "conflict")]
    assert [str(effect) for effect in looked.effects] == [
        "2023-05: 0 deeds before, 2.5 after; nobody will pay for days without a contract.",
        "2026-10: 3 deeds before, 4 after; the month is billed, so the difference is late usage.",
    ]
    assert imported(partner, *rows) == looked
    assert (UsageEvent.objects.count(), UsageConflict.objects.count()) == (3, 1)
    assert UsageEvent.objects.get(idempotency_key="b").metadata == {"case": 7}


def test_a_file_sent_again_counts_nothing_twice():
    partner = a_partner()
    imported(partner, OLD, NEW, UNDO)
    again = imported(partner, OLD, NEW, UNDO)
    assert (counts(again), again.effects) == ((0, 3, 0, 0), ())
    assert sorted(ApiUsage.objects.values_list("quantity", flat=True)) == [0, 1]


def test_a_file_with_a_refused_row_imports_nothing_and_names_it():
    partner = a_partner()
    report = imported(partner, OLD, "c,deed,2026-10-15,1,,\n", "d,deed,2026-10-15T12:00:00Z,1_000,,\n", "u,,,,,zz\n",
                      'e,deed,2026-10-15T12:00:00Z,1,"{""a"":1,""a"":2}",\n')  # fmt: skip
    assert counts(report) == (1, 0, 0, 4)
    assert [(row.line, row.sentence[:12]) for row in report.told] == [
        (3, "occurred_at:"), (4, "quantity: Wr"), (5, "The partner "), (6, "metadata: Th"),
    ]  # fmt: skip
    assert not report.may_be_imported
    assert (UsageEvent.objects.count(), ApiUsage.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (OTHER, "An event with this key is kept already and says something else; this row is not counted."),
        ("u,,,,,z\n", "The partner has no event with the key to take back, or it is archived; nothing was taken back."),
        ("u,,,,,back\n", "The key to take back is a reversal itself; write the event again under a new key instead."),
        ("c,,2026-10-15T12:00:00Z,1,,\n", "event_type: This cell must not be empty."),
        (
            "w,deed,,,,k\n",
            "event_type: A reversal takes the whole event back: fill in idempotency_key and reverses alone.",
        ),
    ],
)
def test_the_reasons_speak_to_who_imports_a_file(row, said):
    partner = a_partner()
    record_usage(partner=partner, events=[KNOWN, KNOWN._replace(idempotency_key="l")], now=AFTER_OCTOBER)
    imported(partner, "back,,,,,l\n")
    assert [told.sentence for told in imported(partner, row, dry_run=True).told] == [said]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("0001-01-01T00:00:00Z", "Usage is imported from 2000-01-01 on; check the year."),
        ("0202-10-15T00:00:00Z", "Usage is imported from 2000-01-01 on; check the year."),
        ("1999-12-31T23:59:59Z", "Usage is imported from 2000-01-01 on; check the year."),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00 is no instant of the calendar."),
        ("2062-10-15T00:00:00Z", "This lies in the future; check the clock that counted."),
        ("9999-12-31T23:59:59Z", "This lies in the future; check the clock that counted."),
    ],
)
def test_a_year_nobody_meant_is_refused_wherever_the_partner_lives(at, said):
    report = imported(a_partner(zone="America/New_York"), f"x,deed,{at},,,\n", "y,deed,2000-01-01T00:00:00Z,,,\n")
    assert [row.sentence for row in report.told] == [f"occurred_at: {said}"]
    assert not UsageEvent.objects.exists()


def test_a_crash_in_the_middle_leaves_nothing(monkeypatch):
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(imports, "effects_of", crash)
    with pytest.raises(RuntimeError):
        imported(a_partner(), OLD, NEW)
    assert (UsageEvent.objects.count(), ApiUsage.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "first line names the columns"),
        (b"when,what\n1,2\n", "first line names the columns"),
        (b"idempotency_key,idempotency_key\n", "each once"),
        (HEAD.encode(), "no row"),
        (HEAD.encode() + b"\xff\xfe,,,,,\n", "not UTF-8"),
        (HEAD.encode() + b'a,"deed\n', "is not CSV"),
        (b"PK\x03\x04" + b"\x00" * 50, "first line names the columns"),
    ],
)
def test_what_is_no_table_of_usage_is_refused(content, sentence):
    with pytest.raises(NotAUsageFile, match=sentence):
        import_usage(partner=a_partner(), file=io.BytesIO(content), now=AFTER_OCTOBER, dry_run=True)


def test_rows_are_capped(monkeypatch):
    monkeypatch.setattr(imports, "MOST_ROWS", 2)
    with pytest.raises(NotAUsageFile, match="more than 2 rows"):
        imported(a_partner(), OLD, NEW, SAME)


def test_the_command_tells_and_imports(tmp_path, capsys):
    partner, path = a_partner("Acme Titles"), tmp_path / "usage.csv"
    path.write_bytes(a_file(OLD, NEW).getvalue())
    call_command("import_usage", str(path), partner="Acme Titles", dry_run=True)
    assert capsys.readouterr().out.splitlines() == [
        "2023-05: 0 deeds before, 2.5 after; nobody will pay for days without a contract.",
        "2026-10: 0 deeds before, 1 after; nobody will pay for days without a contract.",
        "2 new, 0 repeats, 0 conflicts, 0 refused. Nothing was imported: a dry run.",
    ]
    call_command("import_usage", str(path), partner="Acme Titles")
    assert UsageEvent.objects.filter(partner=partner).count() == 2
    with pytest.raises(CommandError, match="There is no partner named"):
        call_command("import_usage", str(path), partner="Nobody")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_usage", str(tmp_path / "gone.csv"), partner="Acme Titles")


URL = "admin:partners_usageevent_import_usage"


def looked_at(admin_client, *rows: str) -> str:
    upload = SimpleUploadedFile("may.csv", a_file(*rows).getvalue(), content_type="text/csv")
    token: str = admin_client.post(reverse(URL), {"partner": a_partner().pk, "file": upload}).context["token"]
    return token


def test_an_upload_the_store_does_not_give_is_told_on_the_page_and_imported_later(admin_client, settings):
    kept, token = settings.STORAGES, looked_at(admin_client, OLD, NEW)
    settings.STORAGES = stores_of(GivesNothing, kept=kept)
    told = admin_client.post(reverse(URL), {"token": token}, follow=True).content.decode()
    assert "is denied. Nothing was imported: upload the file again in a moment." in told
    assert UsageEvent.objects.count() == 0
    settings.STORAGES = kept
    admin_client.post(reverse(URL), {"token": token})
    assert UsageEvent.objects.count() == 2


def test_what_was_imported_stays_where_the_store_does_not_delete_the_upload(admin_client, settings):
    token = looked_at(admin_client, OLD, NEW)
    settings.STORAGES = stores_of(KeepsAll, kept=settings.STORAGES)
    assert "2 events imported" in admin_client.post(reverse(URL), {"token": token}, follow=True).content.decode()
    assert UsageEvent.objects.count() == 2


def test_the_page_shows_what_a_file_would_do_and_then_does_it(admin_client):
    partner = a_partner()
    upload = SimpleUploadedFile("may.csv", a_file(OLD, NEW).getvalue(), content_type="text/csv")
    looked = admin_client.post(reverse(URL), {"partner": partner.pk, "file": upload})
    assert "2 new, 0 repeats" in " ".join(looked.content.decode().split())
    assert "Days without a contract: nobody will pay for them" in looked.content.decode()
    assert UsageEvent.objects.count() == 0
    token = looked.context["token"]
    assert admin_client.post(reverse(URL), {"token": token}, follow=True).status_code == 200
    assert UsageEvent.objects.count() == 2
    again = admin_client.post(reverse(URL), {"token": token}, follow=True).content.decode()
    assert "This upload is no longer here" in again
    assert (
        "This upload is no longer here" in admin_client.post(reverse(URL), {"token": "x"}, follow=True).content.decode()
    )


def test_the_page_offers_no_import_of_a_file_with_a_refused_row(admin_client):
    upload = SimpleUploadedFile("may.csv", a_file(OLD, "c,deed,soon,,,\n").getvalue(), content_type="text/csv")
    looked = admin_client.post(reverse(URL), {"partner": a_partner().pk, "file": upload})
    assert looked.context["token"] == ""
    assert "Nothing is imported: correct the refused rows" in looked.content.decode()
    assert "Look at it" in looked.content.decode()


def test_a_viewer_may_not_import():
    for role, status in (("Auditor", 403), ("Accountant", 403), ("Partner manager", 200)):
        assert signed_in(someone(role)).get(reverse(URL)).status_code == status
