"""The pages of partners, and their buttons, as a test presses them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse


def page_of(row: Model) -> str:
    return reverse(f"admin:partners_{row._meta.model_name}_change", args=[row.pk])


def button_of(row: Model, name: str) -> str:
    return f"{page_of(row).removesuffix('change/')}{name}/"


def pressed(client: Client, row: Model, name: str, **given: str) -> Any:
    """Press a button that asks for confirmation, and confirm."""
    asked = {"_selected_action": row.pk, "action": name.replace("-", "_"), "confirmed": "yes", "index": 0}
    return client.post(button_of(row, name), asked | given)


def words_of(answer: Any) -> str:
    """Return what a page says, without its tags, each word one space from the next."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
