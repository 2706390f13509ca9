"""From a billed number down to the rows: every count behind a line is found, listed, summed and exported."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tracemalloc
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from billing_site.kit.models import ServiceKey
from invoices.models import Invoice
from partners.enums import Meter
from partners.evidence import Days, evidence_of_invoice, evidence_of_month, late_steps
from partners.exports import csv_url
from partners.models import ApiUsage, BilledPeriod, RequestBatch, RequestCount, UsageArchive, UsageEvent
from tests.back_office import signed_in, someone
from tests.partners.agreements import AFTER_OCTOBER, NOVEMBER, OCTOBER, a_contract, a_partner, bill, use

pytestmark = pytest.mark.django_db
AFTER_NOVEMBER = dt.datetime(2026, 12, 2, 8, tzinfo=dt.UTC)


@pytest.fixture
def accountant():
    return signed_in(someone("Accountant"))


def the_invoice() -> Invoice:
    return Invoice.objects.latest("pk")


def page_of(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def read_csv(client, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8"), answer.content
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def added_up(rows: list[dict[str, str]], column: str = "quantity") -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def links_of(page: str, text: str) -> list[str]:
    return [url.replace("&amp;", "&") for url in re.findall(rf'<a class="text-link" href="([^"]+)">{text}</a>', page)]


# --- What is behind a line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_the_rows_behind_a_line_add_up_to_its_quantity_in_every_time_zone(accountant, zone):
    contract = a_contract("per_deed", zone=zone)
    for hour in range(0, 72, 3):
        at = dt.datetime(2026, 9, 30, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        use(contract.partner, 2, at=at.isoformat(), endpoint=f"/v2/{hour % 5}")
        use(contract.partner, "1.5", at=(at + dt.timedelta(days=31)).isoformat())
    bill()
    line = the_invoice().lines.get(kind="usage")
    (found,) = evidence_of_invoice(the_invoice())
    assert (found.quantity, found.counted, found.since) == (line.quantity, line.quantity, 0)
    assert added_up(read_csv(accountant, csv_url("usage-days-csv", found.days))) == line.quantity
    events = read_csv(accountant, csv_url("usage-events-csv", found.days))
    assert added_up(events) == line.quantity
    assert {row["day"][:7] for row in events} == {"2026-10"}


def test_included_deeds_are_behind_the_line_too(accountant):
    contract = a_contract("hybrid")
    use(contract.partner, 130)
    bill()
    line = the_invoice().lines.get(kind="usage")
    (found,) = evidence_of_invoice(the_invoice())
    assert (line.quantity, found.quantity) == (30, 130)
    page = accountant.get(page_of(the_invoice())).content.decode()
    assert escape(line.detail) in page
    assert "100" in line.detail


def test_requests_are_behind_a_line_as_events_and_as_counts_of_a_day(accountant):
    contract = a_contract("per_request")
    use(contract.partner, 700, meter="request")
    counted_by_the_product(contract.partner, 301)
    bill()
    (found,) = evidence_of_invoice(the_invoice())
    events = read_csv(accountant, csv_url("usage-events-csv", found.days))
    assert [(row["counted_as"], row["quantity"]) for row in events] == [("event", "700"), ("requests of a day", "301")]
    assert (found.quantity, added_up(events)) == (1001, 1001)
    assert added_up(read_csv(accountant, csv_url("usage-days-csv", found.days)), "requests") == 1001


def counted_by_the_product(partner, requests: int) -> None:
    batch = RequestBatch.objects.create(
        id="6ba7b810-9dad-11d1-80b4-00c04fd430c8", partner=partner, idempotency_key="=b-1", body_sha256="x"
    )
    RequestCount.objects.create(batch=batch, day=dt.date(2026, 10, 3), requests=requests)
    ApiUsage.objects.create(
        partner=partner, day=dt.date(2026, 10, 3), event_type="request", requests=requests, quantity=requests
    )


def test_a_contract_that_began_mid_month_shows_the_days_it_ran():
    contract = a_contract("per_deed", start_date=dt.date(2026, 10, 16))
    use(contract.partner, 5, at="2026-10-15T23:59:59+00:00")
    use(contract.partner, 7, at="2026-10-16T00:00:00+00:00")
    bill()
    (found,) = evidence_of_invoice(the_invoice())
    assert (found.quantity, found.days.start, found.days.end) == (7, dt.date(2026, 10, 16), dt.date(2026, 11, 1))


# --- Late usage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def late():
    """October billed for 10, then 4 came late and November's invoice asked for them; 3 more are on no paper."""
    contract = a_contract("per_deed")
    use(contract.partner, 10)
    bill()
    october = the_invoice()
    use(contract.partner, 4)
    use(contract.partner, 20, at="2026-11-15T12:00:00+00:00")
    bill(NOVEMBER, AFTER_NOVEMBER)
    use(contract.partner, 3)
    return october, the_invoice()


def test_a_line_of_late_usage_leads_to_the_month_it_names(late):
    _, november = late
    own, correction = evidence_of_invoice(november)
    assert (own.days.start, own.quantity, own.since) == (dt.date(2026, 11, 1), 20, 0)
    assert (correction.line.kind, correction.days.start) == ("correction", dt.date(2026, 10, 1))
    assert (correction.before, correction.billed, correction.quantity, correction.counted) == (10, 14, 4, 17)


def test_the_page_says_in_figures_what_was_counted_after_billing(accountant, late):
    october, november = late
    page = accountant.get(page_of(october)).content.decode()
    assert "+7 deed retrievals of October 2026 were counted after this was billed: 10 then, 17 now." in page
    period = BilledPeriod.objects.get(invoice=october)
    steps = [(step.quantity, step.correction and step.correction.invoice) for step in late_steps([period])]
    assert steps == [(4, november), (3, None)]
    assert "On no paper yet: the next run settles it" in page
    assert str(november) in page


def test_what_is_billed_late_and_open_is_everything_that_was_counted(late):
    october, _november = late
    period = BilledPeriod.objects.get(invoice=october)
    counted = sum(ApiUsage.objects.filter(day__month=10).values_list("quantity", flat=True))
    assert sum(step.quantity for step in late_steps([period])) + evidence_of_month(period)[0].billed == counted == 17


# --- The way down ----------------------------------------------------------------------------------------------------


def test_the_links_of_a_line_open_lists_that_say_its_sum(accountant):
    contract, other = a_contract("per_deed", zone="America/New_York"), a_contract("per_deed", zone="America/New_York")
    use(contract.partner, 8, at="2026-11-01T03:59:59+00:00")  # still October in New York
    use(contract.partner, 2, at="2026-11-01T04:00:00+00:00")
    use(contract.partner, 99, meter="request")
    use(other.partner, 50)
    bill(now=AFTER_OCTOBER)
    invoice = Invoice.objects.get(billed_period__contract=contract)
    page = accountant.get(page_of(invoice)).content.decode()
    for text, model in (("Days", ApiUsage), ("Events", UsageEvent)):
        (url,) = links_of(page, text)
        listed = accountant.get(url)
        rows = listed.context["cl"].queryset
        assert (rows.model, sum(row.quantity for row in rows)) == (model, 8)
        assert "Sum of this list" in listed.content.decode()
        assert ">8<" in re.sub(r"\s", "", listed.content.decode().partition("Sum of this list")[2])


def test_the_list_of_events_says_what_a_product_counted_itself(accountant):
    contract = a_contract("per_request")
    use(contract.partner, 700, meter="request")
    counted_by_the_product(contract.partner, 301)
    bill()
    (url,) = links_of(accountant.get(page_of(the_invoice())).content.decode(), "Events")
    panel = re.sub(
        r"\s", "", accountant.get(url).content.decode().partition("Sum of this list")[2].partition("</table>")[0]
    )
    assert re.findall(r">([\d,]+)<", panel) == ["1", "700", "1", "301"]


def test_a_billed_month_leads_to_both_of_its_meters(accountant):
    contract = a_contract("per_deed")
    use(contract.partner, 8)
    use(contract.partner, 99, meter="request")
    bill()
    period = BilledPeriod.objects.get()
    assert [(one.meter, one.billed) for one in evidence_of_month(period)] == [(Meter.DEED, 8), (Meter.REQUEST, 99)]
    page = accountant.get(page_of(period)).content.decode()
    assert [parse_qs(urlsplit(url).query)["event_type"] for url in links_of(page, "Days")] == [["deed"], ["request"]]


def test_a_month_without_usage_and_an_invoice_without_contract_have_nothing_behind_them(accountant):
    a_contract("flat")
    bill()
    assert evidence_of_invoice(the_invoice()) == []
    assert "Usage behind each line" not in accountant.get(page_of(the_invoice())).content.decode()
    assert "Nothing was counted for this month." in accountant.get(page_of(BilledPeriod.objects.get())).content.decode()


def test_evidence_costs_the_same_with_one_late_month_and_with_three():
    def cost() -> int:
        invoice = the_invoice()
        with CaptureQueriesContext(connection) as queries:
            late_steps([found.period for found in evidence_of_invoice(invoice)])
        return len(queries)

    contract = a_contract("per_deed", start_date=dt.date(2026, 8, 1))
    months = [OCTOBER.previous_month().previous_month(), OCTOBER.previous_month(), OCTOBER, NOVEMBER]
    for month in months[:3]:
        use(contract.partner, 1, at=f"{month.start}T12:00:00+00:00")
        bill(month, AFTER_NOVEMBER)
    use(contract.partner, 5, at="2026-08-02T12:00:00+00:00")
    bill(NOVEMBER, AFTER_NOVEMBER)
    one = cost()
    for month in months[:3]:
        use(contract.partner, 5, at=f"{month.start}T12:00:00+00:00")
    bill(NOVEMBER.next_month(), dt.datetime(2027, 1, 2, 8, tzinfo=dt.UTC))
    assert len(evidence_of_invoice(the_invoice())) == 4
    assert cost() == one == 6


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def days():
    partner = a_partner("Hanse & Söhne")
    use(partner, 2, resource_id="=1+1", user_id="@user", endpoint="/v2", api_key_prefix="pk1")
    return Days(partner, "deed", dt.date(2026, 10, 1), dt.date(2026, 11, 1))


def test_an_export_is_safe_to_open_and_named_by_what_it_holds(accountant, days):
    (row,) = read_csv(accountant, csv_url("usage-events-csv", days))
    assert (row["resource_id"], row["user_id"], row["quantity"]) == ("'=1+1", "'@user", "2")
    assert row["occurred_at"] == "2026-10-15T12:00:00.000000+00:00"
    answer = accountant.get(csv_url("usage-events-csv", days))
    name = "usage-events-hanse-sohne-deed-2026-10-01-to-2026-10-31.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["usage-events-csv", "usage-days-csv"])
def test_who_may_not_see_usage_exports_none(client, days, name):
    assert client.get(csv_url(name, days)).status_code == 401
    assert signed_in(someone("", "invoices.view_invoice")).get(csv_url(name, days)).status_code == 403
    _, key = ServiceKey.objects.create_key(name="m", scopes=["exports:read"])
    assert client.get(csv_url(name, days), headers={"Authorization": f"Api-Key {key}"}).status_code == 200


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"partner": "0"}, "object does not exist"),
        ({"meter": "pages"}, "is not a valid choice"),
        ({"from": "2026-13-01"}, "Date has wrong format"),
        ({"to": "2026-09-01"}, "comes before"),
        ({"to": ""}, "Date has wrong format"),
        ({"colour": "red"}, "There is no such filter"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words(accountant, days, changed, said):
    asked = {"partner": days.partner.pk, "meter": "deed", "from": "2026-10-01", "to": "2026-10-31"}
    answer = accountant.get("/admin/exports/usage-events.csv", asked | changed)
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_an_export_holds_no_more_memory_for_fifty_thousand_rows_than_for_five_thousand(accountant, days):
    def peak(rows: int) -> int:
        many(days.partner, rows)
        tracemalloc.start()
        size = sum(len(piece) for piece in accountant.get(csv_url("usage-events-csv", days)).streaming_content)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > 60 * rows
        return held

    small = peak(5_000)
    assert peak(50_000) < small + 2_000_000


def many(partner, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO usage_events (id, partner_id, user_id, api_key_prefix, event_type, endpoint, resource_id,
                   quantity, occurred_at, metadata, idempotency_key, created_at)
               SELECT gen_random_uuid(), %s, '', '', 'deed', '', '', 1, '2026-10-15', '{}', 'n-' || n, now()
               FROM generate_series(1, %s) AS n""",
            [partner.pk, rows],
        )
    day = ApiUsage.objects.filter(partner=partner, day="2026-10-15", endpoint="/v2")
    day.update(requests=F("requests") + rows, quantity=F("quantity") + rows)


def test_an_archived_month_is_not_exported_in_part_but_its_file_is_named(accountant, days):
    period = days.period
    UsageArchive.objects.create(
        partner=days.partner,
        period_start=days.start,
        period_end=days.end,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        events=1,
        sums={},
        file_name="usage/2026-10.parquet",
        size=1,
        sha256="f" * 64,
    )
    answer = accountant.get(csv_url("usage-events-csv", days))
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert "archived in usage/2026-10.parquet" in answer.json()["detail"]
    assert added_up(read_csv(accountant, csv_url("usage-days-csv", days))) == 2
