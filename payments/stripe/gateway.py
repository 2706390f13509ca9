"""The door to Stripe's API: the only module that imports `stripe`. Plain dicts come out, sentences when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast
from urllib.parse import quote

import stripe
from django.conf import settings

Json = dict[str, Any]

PAGE = 100
RETRIES = 2
TIMEOUT = 20.0
HTTP_SERVER_ERROR = 500

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
    def is_missing(self) -> bool:
        """The object does not exist."""
        return self.code == "resource_missing"


class UnknownKind(ValueError):
    """The gateway fetches no such kind of object."""


@dataclass(frozen=True)
class Gateway:
    """Reads from one Stripe account. `timeout` is in seconds for each try; a failed try is repeated twice at most."""

    api_key: str = field(repr=False)
    api_base: str
    api_version: str
    timeout: float = TIMEOUT

    def retrieve(self, kind: str, object_id: str, expand: Iterable[str] = ()) -> Json:
        """Return one object, with the named fields expanded."""
        return self._get(_path(kind, object_id), {"expand": list(expand)} if expand else {})

    def list(self, kind: str, **filters: Any) -> Iterator[Json]:
        """Yield every object that passes Stripe's own filters, newest first, fetching page after page."""
        filters = {"limit": PAGE, **filters}
        has_more = True
        while has_more:
            page = self._get(PATHS[_known(kind)], filters)
            yield from page["data"]
            has_more = page["has_more"]
            filters |= {"starting_after": page["data"][-1]["id"]} if has_more else {}

    def balance_transactions(self, *, created_gte: int, created_lt: int) -> Iterator[Json]:
        """Yield the movements Stripe wrote in a half-open span of Unix seconds, each with its source object."""
        span = {"gte": created_gte, "lt": created_lt}
        return self.list("balance_transaction", created=span, expand=["data.source"])

    def _get(self, path: str, params: Json) -> Json:
        try:
            answer = _client(self).raw_request("get", path, **params)
        except stripe.StripeError as error:
            raise _failure(path, error) from error
        return cast("Json", json.loads(answer.body))


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
