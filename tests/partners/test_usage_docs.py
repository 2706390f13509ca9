"""The examples that partners copy do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import time_machine
from django.test import Client

from partners.models import ApiUsage, PartnerApiKey
from tests.partners.agreements import AFTER_OCTOBER, a_partner

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "usage-api.md"
EXAMPLE = re.compile(
    r"curl -sS \"\$API(/[a-z-]+)\".*?Content-Type: ([a-z/-]+)' (?:-d|--data-binary) '(.*?)'\n```", re.DOTALL
)


def test_every_example_of_the_page_is_counted_and_then_a_repeat():
    key = PartnerApiKey.objects.create_key(name="production", partner=a_partner(zone="Europe/Berlin"))[1]
    examples = EXAMPLE.findall(PAGE.read_text())

    def send() -> list[int]:
        told = []
        for path, kind, body in examples:
            headers = {"Authorization": f"Api-Key {key}"}
            answer = Client().post(f"/api/v1{path}", body, content_type=kind, headers=headers)
            told.append(answer.status_code)
            b"".join(answer)  # an answer of lines is read to its end
        return told

    with time_machine.travel(AFTER_OCTOBER, tick=False):
        assert send() == [201] * 5
        assert send() == [200] * 5
    sums = ApiUsage.objects.order_by("event_type", "endpoint").values_list("event_type", "requests")
    assert list(sums) == [("deed", 2), ("deed", 0), ("request", 1825), ("request", 0), ("request", 0)]
