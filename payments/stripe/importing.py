"""Owns the import of an account that existed before: each kind of object listed, kept and booked, page by page."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from billing_site.kit.errors import sentence_of
from invoices.models import Invoice
from payments.models import AccountImport, Payment
from payments.stripe.booking import book
from payments.stripe.fetching import BeingFetched, facts_of, fetch, fetch_left_out, fetch_missing, keep_object
from payments.stripe.gateway import Answer, Gateway, Json, StripeRefused, StripeUnreachable
from payments.stripe.questions import EXPAND, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A list of Stripe's to be read: what was made since the day or, where `is_dated` is false, all of it."""

    name: str
    object_type: str
    is_dated: bool = True
    filters: Mapping[str, Any] = field(default_factory=dict)


def _kind(name: str, object_type: str = "", *, is_dated: bool = True, **filters: Any) -> Kind:
    return Kind(name=name, object_type=object_type or name, is_dated=is_dated, filters=filters)


# Each after what it hangs on. Customers, and what recurs or is owed today, count whatever their age.
KINDS: Final = (
    _kind("customer", is_dated=False),
    _kind("subscription", is_dated=False, status="all", expand=["data.discounts.source.coupon"]),
    _kind("invoice", expand=["data.payments"]),
    _kind("open_invoice", "invoice", is_dated=False, status="open", expand=["data.payments"]),
    _kind("invoice_payment"),
    _kind("payment_intent", expand=["data.latest_charge"]),
    _kind("charge", expand=["data.balance_transaction"]),
    _kind("refund"),
    _kind("dispute"),
    _kind("credit_note"),
    _kind("checkout.session", status="complete"),
    _kind("balance_transaction"),
    _kind("payout"),
)
# What an object hangs on may be older than the day asked for; it is then fetched by name.
_OWNERS: Final = {
    "invoice_payment": "invoice",
    "refund": "charge",
    "dispute": "charge",
    "credit_note": "invoice",
    "checkout.session": "payment_intent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that was taken: how many objects of its kind were read so far, the changed rows by table, the failures."""

    read: int
    changed: Counter[str]
    failed: Mapping[str, str]


def unfinished(kinds: Collection[Kind], *, since: dt.datetime) -> list[Kind]:
    """Return the kinds that no import since that day has read to the end."""
    finished = AccountImport.objects.filter(since=since).exclude(finished_at=None)
    names = set(finished.values_list("object_type", flat=True))
    return [kind for kind in kinds if kind.name not in names]


def start_again(*, kinds: Collection[Kind], since: dt.datetime) -> None:
    """Forget how far imports since that day have come."""
    AccountImport.objects.filter(since=since, object_type__in=[kind.name for kind in kinds]).delete()


def import_kind(*, gateway: Gateway, kind: Kind, since: dt.datetime, now: dt.datetime) -> Iterator[Page]:
    """Read a kind from where the last import stopped; each page is noted once all of it is kept and booked.

    The note never passes an object that failed, so that the next import tries it again; such a kind stays unfinished.
    Raises StripeUnreachable, StripeRefused; what was read by then is not read again.
    """
    row, _ = AccountImport.objects.get_or_create(object_type=kind.name, since=since, defaults={"started_at": now})
    is_sound = True
    for answer in _pages(gateway, kind, row):
        changed, failed = _take(gateway, answer)
        _move_on(row, answer)
        is_sound = is_sound and not failed
        if is_sound:
            row.save(update_fields=["read", "last_stripe_id", "finished_at"])
        yield Page(read=row.read, changed=changed, failed=failed)


def fetch_the_rest(*, gateway: Gateway, now: dt.datetime) -> Iterator[Counter[str]]:
    """Ask for what lists leave out, such as the contents of payouts; yield the changed rows by table of each sweep.

    Raises StripeUnreachable. The hourly sweeps would do it as well, later.
    """
    while changed := fetch_missing(gateway=gateway, now=now).changed:
        yield changed


def is_imported(*, since: dt.datetime, after: dt.datetime) -> bool:
    """Say whether every kind was read back to `since` by an import begun at `after` or later."""
    done = AccountImport.objects.filter(since__lte=since, started_at__gte=after).exclude(finished_at=None)
    return done.values("object_type").distinct().count() == len(KINDS)


def _pages(gateway: Gateway, kind: Kind, row: AccountImport) -> Iterator[Answer]:
    filters = dict(kind.filters)
    if kind.is_dated:
        filters["created"] = {"gte": int(row.since.timestamp())}
    after = {"starting_after": row.last_stripe_id} if row.last_stripe_id else {}
    try:
        yield from gateway.pages(kind.object_type, **filters, **after)
    except StripeRefused as refusal:
        if not (refusal.is_missing and after):
            raise
        # The object to go on behind is gone or listed no more. What is known by now will not change anything.
        row.read = 0
        yield from gateway.pages(kind.object_type, **filters)


def _move_on(row: AccountImport, answer: Answer) -> None:
    rows = answer.body["data"]
    row.read += len(rows)
    row.last_stripe_id = rows[-1]["id"] if rows else row.last_stripe_id
    row.finished_at = None if answer.body["has_more"] else answer.at


def _take(gateway: Gateway, answer: Answer) -> tuple[Counter[str], dict[str, str]]:
    """Keep and book each object of a page, in a transaction of its own: the books never wait for a whole page."""
    changed: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for obj in answer.body["data"]:
        try:
            changed += _take_one(gateway, obj, answer)
        except StripeUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - one bad object must not keep the others out; the command names it
            failed[str(obj.get("id"))] = f"{type(error).__name__}: {sentence_of(error)}"
    return changed, failed


def _take_one(gateway: Gateway, obj: Json, answer: Answer) -> Counter[str]:
    if _is_untried(obj):
        return Counter()
    changed = _fetch_owner(gateway, obj, answer.at)
    facts = facts_of(keep_object(answered=obj, api_version=answer.api_version, now=answer.at))
    changed += book(facts)
    with suppress(BeingFetched):
        changed += fetch_left_out(gateway=gateway, facts=facts, now=answer.at)
    return changed


def _is_untried(obj: Json) -> bool:
    """Tell whether this is an intent that nobody has tried to pay, such as of a page that was left: no payment yet."""
    if obj["object"] != "payment_intent" or obj["status"] == "canceled":
        return False
    return not (obj["latest_charge"] or obj["last_payment_error"])


def _fetch_owner(gateway: Gateway, obj: Json, at: dt.datetime) -> Counter[str]:
    """Fetch what an object hangs on where the books do not have it; what Stripe has forgotten stays away."""
    kind = _OWNERS.get(obj["object"], "")
    owner = obj.get(kind)
    if not owner or _is_known(kind, owner):
        return Counter()
    try:
        return fetch(gateway=gateway, question=Question(kind=kind, stripe_id=owner, expand=EXPAND[kind]), now=at)
    except BeingFetched:
        return Counter()
    except StripeRefused as refusal:
        if not refusal.is_missing:
            raise
        return Counter()


def _is_known(kind: str, stripe_id: str) -> bool:
    if kind == "invoice":
        return Invoice.objects.filter(stripe_invoice_id=stripe_id).exists()
    return Payment.objects.naming(**{f"{kind}_id": stripe_id}).exists()
