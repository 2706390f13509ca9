"""Stripe's API without the wire: a request in, a status and a JSON object out."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from payments.stripe.sim import writes  # noqa: F401 - registers the writes
from payments.stripe.sim.charging import NotPayable
from payments.stripe.sim.company import Sim
from payments.stripe.sim.errors import ApiError, injected, missing, unknown_parameter, unsupported
from payments.stripe.sim.expanding import expanded
from payments.stripe.sim.forms import decode
from payments.stripe.sim.invoicing import NotPossible
from payments.stripe.sim.ledger import listed
from payments.stripe.sim.listing import filtered, paged
from payments.stripe.sim.refunding import NothingToDispute, TooMuchRefunded
from payments.stripe.sim.routes import WRITES, Target, target_of
from payments.stripe.sim.schema import NotStripeShaped, Obj, parameters, templates
from payments.stripe.sim.store import NoSuchObject

REFUSALS = (NotPayable, NotPossible, TooMuchRefunded, NothingToDispute, NotStripeShaped)
REMEMBERED = 10_000


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: str = ""
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The Idempotency-Key, which only means something to writes."""
        return self.headers.get("idempotency-key", "") if self.method == "POST" else ""

    @property
    def version(self) -> str:
        """The API version the client speaks."""
        return self.headers.get("stripe-version", "")


@dataclass(frozen=True)
class Answer:
    """One answer, ready for the wire."""

    status: int
    body: bytes
    request_id: str = ""
    replayed: bool = False
    cut: bool = False


class Api:
    """Answers requests from the sim's books, one at a time; remembers them, and the idempotent ones' answers."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self.requests: deque[Request] = deque(maxlen=REMEMBERED)
        self._remembered: dict[str, tuple[Request, Answer]] = {}

    def answer(self, request: Request) -> Answer:
        """Answer a request, unless the weather has other plans."""
        with self.sim.store.lock:
            self.requests.append(request)
            failure = self.sim.faults.strike(request.path)
            request_id = self.sim.store.new_id("req")
            if failure and not failure.after:
                return _failed(failure.status, request_id)
            answered = self._guarded(request, request_id)
        return _failed(failure.status, request_id) if failure else answered

    def _guarded(self, request: Request, request_id: str) -> Answer:
        try:
            self._authorize(request)
            return self._once(request, request_id)
        except ApiError as error:
            return _json(error.status, error.envelope, request_id)
        except Exception as error:  # noqa: BLE001 - a fake that stumbles must still answer
            return _json(500, ApiError(500, f"The sim stumbled: {error!r}", type_="api_error").envelope, request_id)

    def _authorize(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            given = b64decode(given, validate=True).decode().partition(":")[0]
        if not given:
            raise ApiError(401, "You did not provide an API key.")
        if given not in self.sim.api_keys:
            raise ApiError(401, f"Invalid API Key provided: {given[:8]}***{given[-4:]}")

    def _once(self, request: Request, request_id: str) -> Answer:
        """Answer a write with a known key as it was answered the first time."""
        if not request.key:
            return self._try(request, request_id)
        if request.key in self._remembered:
            return self._again(request)
        made = self._try(request, request_id)
        self._remembered[request.key] = (request, made)
        return made

    def _again(self, request: Request) -> Answer:
        first, answered = self._remembered[request.key]
        if (first.path, first.body) != (request.path, request.body):
            text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            raise ApiError(400, text, type_="idempotency_error")
        return Answer(answered.status, answered.body, answered.request_id, replayed=True)

    def _try(self, request: Request, request_id: str) -> Answer:
        self.sim.request = {"id": request_id, "idempotency_key": request.key or None}
        try:
            return _json(200, self._dispatch(request), request_id)
        except ApiError as error:
            return _json(error.status, error.envelope, request_id)
        except NoSuchObject as error:
            gone = missing(error.kind, error.object_id, error.kind.rpartition(".")[2])
            gone.status = 404 if error.object_id in request.path else 400
            return _json(gone.status, gone.envelope, request_id)
        except REFUSALS as error:
            return _json(400, ApiError(400, str(error)).envelope, request_id)
        finally:
            self.sim.request = {"id": None, "idempotency_key": None}

    def _dispatch(self, request: Request) -> Obj:
        params = decode(request.query if request.method == "GET" else request.body or request.query)
        _check_known(request, params)
        found = self._read(request, params) if request.method == "GET" else self._write(request, params)
        return expanded(self.sim, found, params["expand"]) if "expand" in params else found

    def _write(self, request: Request, params: Obj) -> Obj:
        target = target_of(request.path)
        known = WRITES.get(f"{request.method} {target.key}") if target else None
        if target is None or known is None:
            raise _unrecognized(request)
        refused = sorted(set(params) - known.accepts)
        if refused:
            raise unsupported(refused[0], f"{request.method} {request.path}")
        return known.act(self.sim, target.object_id, params)

    def _read(self, request: Request, params: Obj) -> Obj:
        if request.path in ("/v1/account", "/v1/balance"):
            return self.sim.account if request.path == "/v1/account" else self.sim.balance()
        target = target_of(request.path)
        if target is None:
            raise _unrecognized(request)
        if target.part:
            return self._part(request, target, params)
        if target.object_id:
            return self._one(target)
        return self._page(request.path, target.kind, params)

    def _one(self, target: Target) -> Obj:
        """Return one object; of the deleted ones Stripe still shows customers."""
        found = self.sim.get(target.kind, target.object_id)
        if found.get("deleted") and target.kind != "customer":
            raise missing(target.kind, target.object_id)
        return found

    def _part(self, request: Request, target: Target, params: Obj) -> Obj:
        """Answer a list that hangs on one object."""
        owner = self.sim.get(target.kind, target.object_id)
        part = PARTS.get(f"{target.stem}/{target.part}")
        if part is None:
            raise _unrecognized(request)
        rows = part(self.sim, owner)["data"]
        return paged(rows, params, url=request.path, kind=rows[0]["object"] if rows else target.part)

    def _page(self, url: str, kind: str, params: Obj) -> Obj:
        rows = filtered(self.sim, kind, params)
        return json_copy(paged(rows, params, url=url, kind=kind))


def json_copy(obj: Obj) -> Obj:
    """Return a copy that may be expanded without touching the books."""
    copied: Obj = json.loads(json.dumps(obj))
    return copied


def _rows_of(sim: Sim, kind: str, **wanted: str) -> Obj:
    rows = filtered(sim, kind, dict(wanted))
    return listed("", rows)


PARTS: Mapping[str, Callable[[Sim, Obj], Obj]] = {
    "charges/refunds": lambda sim, charge: _rows_of(sim, "refund", charge=charge["id"]),
    "checkout/sessions/line_items": lambda sim, session: sim.session_lines(session),
    "credit_notes/lines": lambda _, note: dict(note["lines"]),
    "customers/payment_methods": lambda sim, buyer: _rows_of(sim, "payment_method", customer=buyer["id"]),
    "customers/sources": lambda _sim, _buyer: listed("", []),
    "customers/subscriptions": lambda sim, buyer: _rows_of(sim, "subscription", customer=buyer["id"]),
    "customers/tax_ids": lambda _sim, _buyer: listed("", []),
    "products/features": lambda _sim, _product: listed("", []),
    "invoices/lines": lambda _, invoice: dict(invoice["lines"]),
}
"""Lists that hang on one object, by stem and part."""


@cache
def _patterns() -> list[tuple[str, str, re.Pattern[str]]]:
    """Return each known route with the expression its path matches, literal ones first."""
    routes = sorted(templates(), key=lambda route: route[1].count("{"))
    return [(method, path, re.compile(re.sub(r"\\{\w+\\}|\{\w+\}", "[^/]+", path))) for method, path in routes]


def _check_known(request: Request, params: Obj) -> None:
    """Refuse parameters Stripe does not have on this route."""
    fits = (
        path for method, path, pattern in _patterns() if method == request.method and pattern.fullmatch(request.path)
    )
    known = parameters(request.method, next(fits, ""))
    if known is None:
        raise _unrecognized(request)
    strange = sorted(set(params) - known)
    if strange:
        raise unknown_parameter(strange[0])


def _unrecognized(request: Request) -> ApiError:
    return ApiError(404, f"Unrecognized request URL ({request.method}: {request.path}).")


def _failed(status: int, request_id: str) -> Answer:
    return _json(status, injected(status).envelope, request_id) if status else Answer(0, b"", cut=True)


def _json(status: int, obj: Obj, request_id: str) -> Answer:
    return Answer(status, json.dumps(obj, indent=2, ensure_ascii=False).encode(), request_id)
