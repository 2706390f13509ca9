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
from tests.chaos.company import Agreement, Count, a_batch, some_counts, taken_back

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

    def report_late(self, month: dt.date) -> None:
        """Tell of every other partner what was forgotten of a billed month, and take some of it back."""
        with self._sending:
            for agreement, key in self._keys[::2]:
                self._report_events(agreement, key, month)
                self._take_back(agreement, key, month)

    def _report(self, month: dt.date) -> None:
        agreement, key = self._chance.choice(self._keys)
        {
            "events": self._report_events,
            "batch": self._report_batch,
            "reversals": self._take_back,
        }[self._chance.choices(("events", "batch", "reversals"), (7, 2, 1))[0]](agreement, key, month)

    def _report_events(self, agreement: Agreement, key: str, month: dt.date) -> None:
        counts = list(islice(some_counts(agreement, month, self._chance, prefix="sent"), self._chance.randint(1, 40)))
        self._post_until_kept("usage-events", {"events": [_as_json(count) for count in counts]}, key)
        agreement.counts += counts

    def _take_back(self, agreement: Agreement, key: str, month: dt.date) -> None:
        gone = {one.key for one in agreement.counts if one.quantity < 0}
        left = [
            one
            for one in agreement.counts
            if one.quantity > 0
            and f"undo-{one.key}" not in gone
            and one.at.astimezone(agreement.zone).date().replace(day=1) == month
        ]
        wrong = [taken_back(one) for one in self._chance.sample(left, min(len(left), self._chance.randint(1, 4)))]
        if wrong:
            reversals = [{"idempotency_key": one.key, "reverses": one.key.removeprefix("undo-")} for one in wrong]
            self._post_until_kept("usage-events", {"events": reversals}, key)
            agreement.counts += wrong

    def _report_batch(self, agreement: Agreement, key: str, month: dt.date) -> None:
        batch = a_batch(agreement, month, self._chance)
        counts = [{"day": batch.day.isoformat(), "endpoint": batch.endpoint, "requests": batch.requests}]
        self._post_until_kept("api-usage", {"idempotency_key": batch.key, "counts": counts}, key)
        agreement.batches.append(batch)

    def _post_until_kept(self, path: str, sent: dict[str, Any], key: str) -> None:
        """Post until the site says that it keeps all of it; now and then once more, when it must say that it knew."""
        body = json.dumps(sent).encode()
        known = self._known_after_posting(path, body, key)
        self.answers["batches kept"] += 1
        self.answers["kept by a try that got no answer"] += known
        if self._chance.random() < REPEATED:
            assert self._known_after_posting(path, body, key)
            self.answers["repeats, all known"] += 1

    def _known_after_posting(self, path: str, body: bytes, key: str) -> bool:
        while (answer := self._post(path, body, key)) is None:
            time.sleep(0.3)
        results = answer.get("results", [answer])
        assert {result["status"] for result in results} in ({"recorded"}, {"repeated"}), answer
        return bool(results[0]["status"] == "repeated")

    def _post(self, path: str, body: bytes, key: str) -> dict[str, Any] | None:
        """Return what the site says it kept, or None when it is to be asked again."""
        door = http.client.HTTPConnection(self._netloc, timeout=30)
        headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
        try:
            door.request("POST", f"/api/v1/{path}", body, headers)
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
