"""Owns how the monthly worth of a subscription moved: told from all its versions, whatever their order of arrival."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from payments.stripe.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a version says of the worth, from the Unix second `at` on."""

    at: int
    is_counted: bool
    currency: str
    terms: Terms

    def worth_cents(self, at: int) -> int:
        """Return what it is worth a month at a later moment, when a coupon may have ended."""
        return max(self.terms.worth_cents(at=at, currency=self.currency), 0) if self.is_counted else 0


class Movement(NamedTuple):
    """A change of worth at a Unix time: new, expansion, contraction, churn or reactivation."""

    kind: str
    occurred_at: int
    before_cents: int
    after_cents: int
    currency: str


class _Point(NamedTuple):
    at: int
    currency: str
    worth_cents: int


@dataclass(frozen=True, slots=True)
class Story:
    """All movements, where they have led, and when the worth changes next if nothing is told."""

    movements: tuple[Movement, ...]
    mrr_cents: int
    changes_at: int | None


def story_of(versions: Sequence[Told], *, counted_until: int = 0) -> Story:
    """Tell the story of versions in their order; coupons that ended by `counted_until` are reckoned with.

    Of the versions of one second only the last one counts: the others were never seen by anybody.
    """
    of_each_second = list({version.at: version for version in versions}.values())
    newest = of_each_second[-1]
    until = max(counted_until, newest.at)
    points = list(_points(of_each_second, until))
    return Story(
        movements=tuple(_movements(points)),
        mrr_cents=points[-1].worth_cents,
        changes_at=next((end for end in _ends_that_count(newest) if end > until), None),
    )


def _points(versions: Sequence[Told], until: int) -> Iterator[_Point]:
    """Return the worth at each version, and at each end of a coupon before the next one."""
    next_told = [version.at for version in versions[1:]]
    for version, over_at in zip(versions, [*next_told, until + 1], strict=True):
        for at in (version.at, *(end for end in _ends_that_count(version) if version.at < end < over_at)):
            yield _Point(at, version.currency, version.worth_cents(at))


def _ends_that_count(version: Told) -> tuple[int, ...]:
    return version.terms.ends() if version.is_counted else ()


def _movements(points: Iterable[_Point]) -> Iterator[Movement]:
    held, has_been = _Point(0, "", 0), False
    for point in points:
        if held.worth_cents and held.currency != point.currency:
            yield Movement("churn", point.at, held.worth_cents, 0, held.currency)
            held = point._replace(worth_cents=0)
        if point.worth_cents != held.worth_cents:
            kind = _kind(held.worth_cents, point.worth_cents, has_been=has_been)
            yield Movement(kind, point.at, held.worth_cents, point.worth_cents, point.currency)
        held, has_been = point, has_been or point.worth_cents > 0


def _kind(before: int, after: int, *, has_been: bool) -> str:
    if not before:
        return "reactivation" if has_been else "new"
    if not after:
        return "churn"
    return "expansion" if after > before else "contraction"
