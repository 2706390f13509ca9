"""Partners' gateways that post what was used until the site says it keeps it, whatever happens in between."""

from __future__ import annotations

import datetime as dt
import http.client
import json
import random
import threading
import time
from collections import Counter
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from partners.models import PartnerApiKey
from tests.chaos.company import Agreement, Count, some_counts

REPEATED = 0.1  # the share of batches that are posted once more after they were acknowledged


class Gateway(threading.Thread):
    """One sender: a batch at a time, the same body again until it is acknowledged, now and then once more."""

    def __init__(self, address: str, agreements: list[Agreement], *, seed: int, pause_seconds: float = 0.2) -> None:
        super().__init__(name=f"gateway {seed}", daemon=True)
        self.month: dt.date | None = None
        self.answers: Counter[str] = Counter()
        self._netloc = urlsplit(address).netloc
        self._keys = [
            (one, PartnerApiKey.objects.create_key(name="Gateway", partner=one.partner)[1]) for one in agreements
        ]
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable order
        self._pause_seconds = pause_seconds
        self._is_over = threading.Event()
        self._sending = threading.Lock()
        self._trouble: BaseException | None = None

    def report_on(self, month: dt.date | None) -> None:
        """Go on with another month (None: rest); returns when nothing of the one before is under way."""
        with self._sending:
            self.month = month

    def finish(self) -> None:
        self._is_over.set()
        self.join()
        self.refuse_trouble()

    def refuse_trouble(self) -> None:
        """Raise what ended the thread."""
        if self._trouble is not None:
            raise self._trouble

    def run(self) -> None:
        try:
            self._report_until_over()
        except BaseException as error:  # noqa: BLE001 - a thread's trouble is the storm's
            self._trouble = error

    def _report_until_over(self) -> None:
        while not self._is_over.is_set():
            with self._sending:
                if self.month is not None:
                    self._report(self.month)
            time.sleep(self._pause_seconds)

    def _report(self, month: dt.date) -> None:
        agreement, key = self._chance.choice(self._keys)
        counts = list(islice(some_counts(agreement, month, self._chance, prefix="sent"), self._chance.randint(1, 40)))
        body = json.dumps({"events": [_as_json(count) for count in counts]}).encode()
        known = self._known_after_posting(body, key, expected=len(counts))
        agreement.counts += counts
        self.answers["batches kept"] += 1
        self.answers["kept by a try that got no answer"] += known > 0
        if self._chance.random() < REPEATED:
            assert self._known_after_posting(body, key, expected=len(counts)) == len(counts)
            self.answers["repeats, all known"] += 1

    def _known_after_posting(self, body: bytes, key: str, *, expected: int) -> int:
        """Post until the site says that it keeps every count; return how many of them it had already."""
        while (answer := self._post(body, key)) is None:
            time.sleep(0.3)
        assert answer["recorded"] + answer["repeated"] == expected, answer
        return int(answer["repeated"])

    def _post(self, body: bytes, key: str) -> dict[str, Any] | None:
        """Return what the site says it kept, or None when it is to be asked again."""
        door = http.client.HTTPConnection(self._netloc, timeout=30)
        headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
        try:
            door.request("POST", "/api/v1/usage-events", body, headers)
            answer = door.getresponse()
            told = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.answers[f"no answer: {type(error).__name__}"] += 1
            return None
        finally:
            door.close()
        if answer.status in (200, 201):
            return dict(json.loads(told))
        self.answers[f"answer {answer.status}"] += 1
        assert answer.status >= 500, told
        return None


def _as_json(count: Count) -> dict[str, Any]:
    return {
        "idempotency_key": count.key,
        "event_type": count.meter,
        "quantity": count.quantity,
        "occurred_at": count.at.isoformat(),
        "endpoint": count.endpoint,
    }
