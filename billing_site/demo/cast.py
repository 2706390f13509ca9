"""Who plays in the demo, read from the files a person can edit."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from django.conf import settings

Role = dict[str, Any]


@cache
def company() -> Role:
    """Return the sellers, the users and the keys."""
    return cast("Role", _read("company"))


@cache
def partners() -> list[Role]:
    """Return the partners with their contracts and habits."""
    return cast("list[Role]", _read("partners"))


@cache
def subscriptions() -> Role:
    """Return what is sold through Stripe, and to whom."""
    return cast("Role", _read("subscribers"))


def _read(name: str) -> Any:
    return json.loads((settings.BASE_DIR / "fixtures" / "demo" / f"{name}.json").read_text(encoding="utf-8"))
