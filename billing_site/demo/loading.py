"""The whole story at once, into an empty database."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from django.db import transaction

from billing_site.demo import cast, stripe_books, subscribers
from billing_site.demo.agenda import Agenda
from billing_site.demo.by_hand import Desk
from billing_site.demo.company import make_sellers, make_service_key, make_users
from billing_site.demo.contracts import Player, sign_partners
from billing_site.demo.dates import Dates
from billing_site.demo.keys import tend_keys
from billing_site.demo.late_usage import MONTHS_AGO, note_late_usage
from billing_site.demo.mails import send_past_papers
from billing_site.demo.month_ends import MonthEnds
from billing_site.demo.taken_back import correct_a_deed
from billing_site.demo.usage import count_usage
from invoices.models import Customer, Seller
from payments.stripe.sim import keeping

FEWEST_PARTNERS = 4
"""One of each pricing model."""

Told = Callable[[str], object]


def is_loaded() -> bool:
    """Say whether anybody's data is here."""
    return Seller.objects.exists() or Customer.objects.exists()


@transaction.atomic
def load(dates: Dates, *, stripe_file: Path, customers: int | None = None, told: Told = lambda _: None) -> None:
    """Tell everything for the day of `dates`, to all customers or about so many; Stripe's side is kept in a file.

    All or nothing: a load that was interrupted is begun anew.
    """
    partners, buyers = _split(customers)
    make_users()
    make_service_key()
    players = sign_partners(dates, sellers := make_sellers(), count=partners)
    told(f"{len(players)} partners have signed; counting what they used")
    for player in players:
        count_usage(dates, player)
    correct_a_deed(dates, players[0])
    told("Billing the months before the last")
    _bill_history(dates, sellers, players)
    told("Taking fourteen months of Stripe events")
    _receive_stripe(dates, buyers, stripe_file)


def _split(customers: int | None) -> tuple[int | None, int | None]:
    """Share a number of customers between partners and subscribers as the full story does."""
    if customers is None:
        return None, None
    partners, buyers = len(cast.partners()), len(cast.subscriptions()["subscribers"])
    few = max(FEWEST_PARTNERS, customers * partners // (partners + buyers))
    return few, max(1, customers - few)


def _bill_history(dates: Dates, sellers: dict[str, Seller], players: list[Player]) -> None:
    agenda = Agenda(ends_at=dates.ends_at)
    month_ends = MonthEnds(dates, agenda, players)
    desk = Desk(dates, agenda, sellers, players, month_ends)
    month_ends.note_all()
    note_late_usage(dates, agenda, players, after=month_ends.run_at(MONTHS_AGO))
    desk.note_all()
    agenda.play()
    send_past_papers(dates)
    month_ends.preview_the_last()
    desk.draft()
    tend_keys(dates, players)


def _receive_stripe(dates: Dates, buyers: int | None, stripe_file: Path) -> None:
    story = subscribers.tell(dates, cast.subscriptions(), customers=buyers)
    stripe_books.receive_events(story, dates)
    stripe_books.fetch_what_no_event_tells(story, dates)
    stripe_books.reconcile_past(story, dates)
    stripe_books.leave_old_events_to_the_past(dates)
    keeping.save(story.sim, stripe_file, now=int(time.time()))
