"""The door to Stripe's API: the only module that imports `stripe`. Dated answers come out, sentences when it fails."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import stripe
from django.conf import settings

Json = dict[str, Any]

PAGE = 100
RETRIES = 2
TIMEOUT = 20.0
HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_SERVER_ERROR = 401, 403, 500

PATHS = {
    "account": "/v1/accounts",
    "balance_transaction": "/v1/balance_transactions",
    "charge": "/v1/charges",
    "checkout.session": "/v1/checkout/sessions",
    "coupon": "/v1/coupons",
    "credit_note": "/v1/credit_notes",
    "customer": "/v1/customers",
    "dispute": "/v1/disputes",
    "event": "/v1/events",
    "invoice": "/v1/invoices",
    "invoice_payment": "/v1/invoice_payments",
    "invoiceitem": "/v1/invoiceitems",
    "payment_intent": "/v1/payment_intents",
    "payment_method": "/v1/payment_methods",
    "payout": "/v1/payouts",
    "price": "/v1/prices",
    "product": "/v1/products",
    "refund": "/v1/refunds",
    "subscription": "/v1/subscriptions",
    "subscription_item": "/v1/subscription_items",
    "tax_rate": "/v1/tax_rates",
    "webhook_endpoint": "/v1/webhook_endpoints",
}
"""Where each kind of object lives, by the name Stripe writes into `object`."""


class StripeUnreachable(Exception):
    """No usable answer: the network, an overload or an error on Stripe's side. Trying again later may help."""


class StripeRefused(Exception):
    """Stripe understood and said no; trying the same again will not help."""

    def __init__(self, sentence: str, *, status: int | None, code: str | None) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code

    @property
    def is_about_the_key(self) -> bool:
        """The key is wrong or may not ask this: so it will be for every object."""
        return self.status in (HTTP_UNAUTHORIZED, HTTP_FORBIDDEN)

    @property
    def is_missing(self) -> bool:
        """The object does not exist."""
        return self.code == "resource_missing"


class UnknownKind(ValueError):
    """The gateway fetches no such kind of object."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe answered, and the second of Stripe's own clock at which it was asked: never younger than the body.

    An event that happens while Stripe still writes the answer is thus newer, and brings what the answer lacks.
    """

    body: Json
    at: dt.datetime
    api_version: str


@dataclass(frozen=True)
class Gateway:
    """Reads from one Stripe account. `timeout` is in seconds for each try; a failed try is repeated twice at most."""

    api_key: str = field(repr=False)
    api_base: str
    api_version: str
    timeout: float = TIMEOUT

    def retrieve(self, kind: str, object_id: str, expand: Iterable[str] = ()) -> Answer:
        """Return one object, with the named fields expanded."""
        return self._get(_path(kind, object_id), {"expand": list(expand)} if expand else {})

    def own_account(self) -> Json:
        """Return the account that the key belongs to."""
        return self._get("/v1/account", {}).body

    def list(self, kind: str, **filters: Any) -> Iterator[Json]:
        """Yield every object that passes Stripe's own filters, newest first, fetching page after page."""
        for page in self.pages(kind, **filters):
            yield from page.body["data"]

    def pages(self, kind: str, **filters: Any) -> Iterator[Answer]:
        """Yield the same as Stripe's own pages of it, each dated; `starting_after` goes on behind an object."""
        return self._pages(PATHS[_known(kind)], filters)

    def whole_list(self, kind: str, expand: Iterable[str] = (), **filters: str) -> Answer:
        """Return all that passes the filters as one list, dated as its first page; its `url` says what was asked."""
        return self._whole(PATHS[_known(kind)], filters, expand)

    def lines_of_invoice(self, invoice_id: str) -> Answer:
        """Return all lines of an invoice as one list."""
        return self._whole(f"{_path('invoice', invoice_id)}/lines", {}, ())

    def balance_transactions(self, *, created_gte: int, created_lt: int) -> Iterator[Json]:
        """Yield the movements Stripe wrote in a half-open span of Unix seconds, each with its source object."""
        span = {"gte": created_gte, "lt": created_lt}
        return self.list("balance_transaction", created=span, expand=["data.source"])

    def _whole(self, path: str, filters: Mapping[str, str], expand: Iterable[str]) -> Answer:
        pages = list(self._pages(path, {**filters, "expand": list(expand)} if expand else filters))
        rows = [row for page in pages for row in page.body["data"]]
        url = f"{path}?{urlencode(filters)}" if filters else path
        return Answer(
            {"object": "list", "url": url, "has_more": False, "data": rows}, pages[0].at, pages[0].api_version
        )

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[Answer]:
        asked = {"limit": PAGE, **filters}
        has_more = True
        while has_more:
            page = self._get(path, asked)
            yield page
            has_more = page.body["has_more"]
            asked |= {"starting_after": page.body["data"][-1]["id"]} if has_more else {}

    def _get(self, path: str, params: Json) -> Answer:
        began = time.monotonic()
        try:
            answer = _client(self).raw_request("get", path, **params)
        except stripe.StripeError as error:
            raise _failure(path, error) from error
        took = dt.timedelta(seconds=time.monotonic() - began)
        version = answer.headers.get("Stripe-Version", self.api_version)
        return Answer(json.loads(answer.body), _asked_at(answer.headers.get("Date"), took), version)


@cache
def _client(gateway: Gateway) -> stripe.StripeClient:
    """Keep one client per account, so that its connections stay open between calls."""
    return stripe.StripeClient(
        gateway.api_key,
        base_addresses={"api": gateway.api_base},
        stripe_version=gateway.api_version,
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=gateway.timeout),
    )


def _asked_at(date: str | None, took: dt.timedelta) -> dt.datetime:
    """Return the second Stripe was asked by its own clock; an answer without a date leaves us ours."""
    try:
        answered = parsedate_to_datetime(date or "")
    except ValueError:
        answered = dt.datetime.now(dt.UTC)
    return (answered - took).replace(microsecond=0)


def is_unreachable(error: Exception) -> bool:
    """Say of an error, ours or the library's own as dj-stripe lets it through, whether trying again may help."""
    return isinstance(_failure("", error) if isinstance(error, stripe.StripeError) else error, StripeUnreachable)


def _failure(path: str, error: stripe.StripeError) -> StripeUnreachable | StripeRefused:
    """Sort Stripe's errors by the only question that matters: whether trying again can help."""
    said = error.user_message or str(error)
    if isinstance(error, stripe.APIConnectionError):
        return StripeUnreachable(f"Stripe did not answer (GET {path}). Check the network and STRIPE_API_BASE.")
    if isinstance(error, stripe.RateLimitError) or (error.http_status or 0) >= HTTP_SERVER_ERROR:
        return StripeUnreachable(f"Stripe could not answer now (GET {path}): {said}")
    return StripeRefused(f"Stripe refused GET {path}: {said}", status=error.http_status, code=error.code)


def _known(kind: str) -> str:
    if kind not in PATHS:
        raise UnknownKind(f"There is no {kind!r} to fetch; known are {', '.join(PATHS)}.")
    return kind


def _path(kind: str, object_id: str) -> str:
    return f"{PATHS[_known(kind)]}/{quote(object_id, safe='')}"


def point_djstripe_at(gateway: Gateway) -> None:
    """Let dj-stripe, which calls through the library's globals, ask the same place with the same patience."""
    stripe.api_base, stripe.api_version = gateway.api_base, gateway.api_version
    stripe.max_network_retries = RETRIES
    stripe.default_http_client = stripe.RequestsClient(timeout=gateway.timeout)


def as_djstripe_reads(gateway: Gateway, obj: Json) -> Any:
    """Return an object as dj-stripe wants it: with the library's types, whose lists can fetch their next page."""
    return stripe.convert_to_stripe_object(obj, api_key=gateway.api_key, api_mode="V1")


def gateway_from_settings() -> Gateway:
    """Return the gateway to the account the settings name."""
    return Gateway(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE, settings.STRIPE_API_VERSION)
