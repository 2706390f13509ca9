"""Owns how the health of Stripe's door looks: a card on the start page, a strip above the inbox."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from django.http import HttpRequest
from django.utils import timezone

from billing_site.kit.admin import list_url
from billing_site.kit.admin.dashboard import Card
from billing_site.kit.admin.words import age_text
from billing_site.kit.wording import counted
from payments.models import AppliedVersion, EventListing, StripeEvent
from payments.stripe.health import Need, StripeHealth, stripe_health


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the strip; `tone` is danger, warning, success or none."""

    label: str
    value: str
    tone: str = ""
    url: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, in two words, and what to do about it, in a sentence."""

    tone: str
    headline: str
    sentence: str
    url: str = ""


def strip(request: HttpRequest) -> dict[str, list[Advice] | list[Figure]]:  # noqa: ARG001 - as other contexts
    """Return what the strip above the inbox shows."""
    health = stripe_health(now=timezone.now())
    return {"advice": advice(health), "figures": figures(health)}


def stripe_card(request: HttpRequest) -> Iterator[Card]:
    """Whether everything Stripe said is in the books; the most urgent thing to do, if there is one."""
    if not request.user.has_perm("payments.view_stripeevent"):
        return
    health = stripe_health(now=timezone.now())
    lines = tuple((figure.label, figure.value) for figure in figures(health) if figure.label in _ON_THE_CARD)
    found = advice(health)
    first = found[0] if found else Advice("", "No event yet", "Point a webhook of Stripe at this site.")
    if not found and health.last_received_at:
        first = Advice("success", "In the books", "")
    url = first.url or list_url(StripeEvent)
    yield Card("Stripe in", first.headline, note=first.sentence, lines=lines, url=url, icon="bolt", tone=first.tone)


def advice(health: StripeHealth) -> list[Advice]:
    """Say what is to be done, the most urgent first."""
    return [_ADVICE[need](health) for need in health.needs]


def figures(health: StripeHealth) -> list[Figure]:
    needs = set(health.needs)
    return [
        _last_event(health, needs),
        _waiting(health, needs),
        Figure(
            "Dead letters", str(health.dead), "danger" if health.dead else "success", list_url(StripeEvent, view="dead")
        ),
        Figure("Unhandled today", str(health.unhandled_today), url=list_url(StripeEvent, view="unhandled")),
        _listing(health, needs),
        _doubted(health, needs),
        _mirror(health, needs),
    ]


_NO_KEY: Final = "no API key"
_ON_THE_CARD: Final = {"Last event", "Waiting", "Dead letters", "Stripe's list"}


def _last_event(health: StripeHealth, needs: set[Need]) -> Figure:
    said = f"{age_text(health.silence)} ago" if health.last_received_at else "Never"
    return Figure("Last event", said, "warning" if Need.SILENCE in needs else "", list_url(StripeEvent))


def _waiting(health: StripeHealth, needs: set[Need]) -> Figure:
    note = f"oldest {age_text(health.lag)}" if health.pending else ""
    tone = "warning" if Need.BACKLOG in needs else ""
    return Figure("Waiting", str(health.pending), tone, list_url(StripeEvent, view="pending"), note)


def _listing(health: StripeHealth, needs: set[Need]) -> Figure:
    tone = "danger" if health.gap.is_alarming else "warning" if Need.LISTING in needs else ""
    if not health.asks_stripe or health.gap.age is None:
        return Figure(
            "Stripe's list", "Not read", url=list_url(EventListing), note="" if health.asks_stripe else _NO_KEY
        )
    return Figure("Stripe's list", f"{age_text(health.gap.age)} ago", tone, list_url(EventListing))


def _doubted(health: StripeHealth, needs: set[Need]) -> Figure:
    tone = "warning" if Need.DOUBT in needs else ""
    return Figure("In doubt", str(health.doubted), tone, list_url(AppliedVersion, view="doubted"))


def _mirror(health: StripeHealth, needs: set[Need]) -> Figure:
    if not health.asks_stripe:
        return Figure("To mirror", "Off", note=_NO_KEY)
    note = health.mirror_error.strip().rpartition("\n")[2][:120]
    tone = "warning" if Need.MIRROR in needs else ""
    return Figure("To mirror", str(health.to_mirror), tone, list_url(StripeEvent, view="unmirrored"), note)


def _dead_letters(health: StripeHealth) -> Advice:
    letters = counted(health.dead, "dead letter")
    said = "Tried eight times and not in the books: read why, then retry or lay aside."
    return Advice("danger", letters, said, list_url(StripeEvent, view="dead"))


def _backlog(health: StripeHealth) -> Advice:
    said = f"The oldest event has waited for {age_text(health.lag)}: see whether a worker runs."
    return Advice("warning", f"{health.pending} waiting", said, list_url(StripeEvent, view="pending"))


def _silence(health: StripeHealth) -> Advice:
    said = "Look at the webhook's deliveries in Stripe's dashboard."
    return Advice("warning", f"No event for {age_text(health.silence)}", said)


def _doubt(health: StripeHealth) -> Advice:
    said = f"Stripe said two things within a second and was not asked again for {_age(health, health.oldest_doubt_at)}."
    return Advice("warning", f"{health.doubted} in doubt", said, list_url(AppliedVersion, view="doubted"))


def _behind(health: StripeHealth) -> Advice:
    said = f"The mirror is {_age(health, health.oldest_to_mirror_at)} behind; the books are not affected."
    return Advice("warning", f"{health.to_mirror} to mirror", said, list_url(StripeEvent, view="unmirrored"))


def _gap(health: StripeHealth) -> Advice:
    tone = "danger" if health.gap.is_alarming else "warning"
    return Advice(tone, f"Stripe's list: {health.gap.state}", health.gap.sentence, list_url(EventListing))


def _age(health: StripeHealth, instant: dt.datetime | None) -> str:
    return age_text(health.since(instant))


_ADVICE: Final[Mapping[Need, Callable[[StripeHealth], Advice]]] = MappingProxyType(
    {
        Need.DEAD_LETTERS: _dead_letters,
        Need.LISTING: _gap,
        Need.BACKLOG: _backlog,
        Need.SILENCE: _silence,
        Need.DOUBT: _doubt,
        Need.MIRROR: _behind,
    }
)
