"""Laws of time: half-open, tiling, in the billing time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_site.kit.periods import EmptyPeriod, NaiveInstant, NotAMonth, Period, anchored_months, month_of

PARIS = ZoneInfo("Europe/Paris")
NEW_YORK = ZoneInfo("America/New_York")
# Havana repeats its midnight, Santiago and Cairo skip it, Lord Howe shifts by half an hour, Apia lost 2011-12-30.
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Paris",
        "America/New_York",
        "America/Havana",
        "America/Santiago",
        "Africa/Cairo",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
    )
]
zones = st.sampled_from(ZONES)
days = st.dates(date(2008, 1, 1), date(2040, 12, 31))
instants = st.datetimes(datetime(2008, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(days, zones, st.sampled_from([1, 3, 12]))
def test_ten_years_of_periods_tile(anchor, zone, step):
    periods = anchored_months(anchor, 120 // step, zone, step=step)
    assert periods[0].start == anchor
    assert all(one.end == other.start and one.ends_at == other.starts_at for one, other in pairwise(periods))
    assert sum(period.days for period in periods) == (periods[-1].end - anchor).days


def test_an_anchor_on_the_31st_uses_the_last_day_of_short_months():
    starts = [period.start for period in anchored_months(date(2026, 1, 31), 4, PARIS)]
    assert starts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_a_year_from_29_february_comes_back_to_it():
    starts = [period.start for period in anchored_months(date(2024, 2, 29), 5, PARIS, step=12)]
    assert starts == [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


@given(instants, zones)
def test_every_instant_falls_in_exactly_one_month(instant, zone):
    month = month_of(instant, zone)
    assert instant in month
    assert instant not in month.next_month()
    assert instant not in month.previous_month()


@given(st.lists(instants, max_size=50))
def test_five_time_zones_of_months_count_every_event_once(events):
    for zone in ZONES[:5]:
        months = {month_of(event, zone) for event in events}
        assert sum(event in month for event in events for month in months) == len(events)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_start_belongs_to_a_month_and_the_end_does_not(zone):
    october = Period.month(2026, 10, zone)
    assert october.starts_at in october
    assert october.ends_at not in october
    assert october.ends_at - timedelta(microseconds=1) in october


def test_a_month_starts_at_midnight_where_the_contract_lives():
    october, november = Period.month(2026, 10, PARIS), Period.month(2026, 11, PARIS)
    assert october.starts_at == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert november.starts_at == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert datetime(2026, 10, 31, 23, 30, tzinfo=UTC) in november


def test_a_day_that_skips_midnight_starts_when_it_starts():
    santiago = ZoneInfo("America/Santiago")
    september = Period(date(2026, 9, 5), date(2026, 9, 6), santiago)
    assert september.ends_at.astimezone(santiago) == datetime(2026, 9, 6, 1, tzinfo=santiago)


def test_a_run_on_the_3rd_bills_whole_months():
    run = month_of(datetime(2026, 11, 3, 9, tzinfo=UTC), NEW_YORK)
    assert run.previous_month() == Period(date(2026, 10, 1), date(2026, 11, 1), NEW_YORK)
    assert run.next_month().start == date(2026, 12, 1)


def test_the_last_evening_of_a_month_is_judged_by_the_contracts_clock():
    evening = datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert month_of(evening, PARIS).label() == "2026-11"
    assert month_of(evening, NEW_YORK).label() == "2026-10"


@given(st.integers(1970, 2100), st.integers(1, 12), zones)
def test_a_month_reads_back_from_its_label(year, month, zone):
    period = Period.month(year, month, zone)
    assert Period.parse_month(period.label(), zone) == period
    assert period.next_month().previous_month() == period
    assert period.previous_month().end == period.start


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "0000-01", "9999-12", "", "٢٠٢٦-10"]
)
def test_a_month_that_does_not_exist_gets_a_sentence(text):
    with pytest.raises(NotAMonth, match=r"is not a month: write the year and the month, such as 2026-10\.$"):
        Period.parse_month(text, PARIS)


def test_the_first_month_of_all_has_none_before_it():
    with pytest.raises(NotAMonth):
        Period.month(1, 1, PARIS).previous_month()


def test_a_month_knows_its_days():
    february = Period.month(2028, 2, PARIS)
    assert (february.days, february.last_day, february.end) == (29, date(2028, 2, 29), date(2028, 3, 1))


@pytest.mark.parametrize("end", [date(2026, 10, 1), date(2026, 9, 30)])
def test_a_period_without_a_day_is_refused(end):
    with pytest.raises(EmptyPeriod):
        Period(date(2026, 10, 1), end, PARIS)


def test_an_instant_without_a_zone_is_refused():
    naive = datetime(2026, 10, 1)  # noqa: DTZ001
    with pytest.raises(NaiveInstant):
        month_of(naive, PARIS)
    with pytest.raises(NaiveInstant):
        assert naive in Period.month(2026, 10, PARIS)


@pytest.mark.parametrize(
    ("start", "end", "shared"),
    [
        (date(2026, 10, 15), None, 17),
        (date(2020, 1, 1), date(2026, 10, 15), 14),
        (date(2020, 1, 1), None, 31),
        (date(2026, 10, 10), date(2026, 10, 11), 1),
    ],
)
def test_a_contract_covers_the_days_it_shares_with_a_month(start, end, shared):
    assert Period.month(2026, 10, PARIS).overlap(start, end).days == shared


@pytest.mark.parametrize(
    ("start", "end"), [(date(2026, 11, 1), None), (date(2020, 1, 1), date(2026, 10, 1)), (date(2027, 1, 1), None)]
)
def test_a_contract_outside_the_month_covers_none_of_it(start, end):
    assert Period.month(2026, 10, PARIS).overlap(start, end) is None
