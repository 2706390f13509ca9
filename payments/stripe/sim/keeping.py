"""A sim's memory on disk, so that the same make-believe account goes on after a pause."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from payments.stripe.sim.amounts import Settlement
from payments.stripe.sim.company import Sim
from payments.stripe.sim.schema import Obj

EVENTS_ARE_LISTED_FOR = 30 * 86_400


def save(sim: Sim, path: Path, *, now: int) -> None:
    """Write everything but old events, which Stripe forgets too, and webhook endpoints, which belong to a session."""
    with sim.store.lock:
        kept = json.dumps({"seed": sim.store.seed, "settles": _settles(sim), **sim.memory(), "store": _kept(sim, now)})
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(gzip.compress(kept.encode(), compresslevel=1))
    draft.replace(path)


def load(path: Path, *, clock: Callable[[], int]) -> Sim:
    """Return the sim that was saved; its ids go on where they stopped."""
    kept = json.loads(gzip.decompress(path.read_bytes()))
    settles = {code: Settlement(into, rate and Decimal(rate)) for code, (into, rate) in kept["settles"].items()}
    sim = Sim(seed=kept["seed"], clock=clock, settles=settles)
    sim.store.remember(kept["store"])
    sim.recall(kept)
    return sim


def _settles(sim: Sim) -> dict[str, Any]:
    return {code: (into.currency, into.rate and str(into.rate)) for code, into in sim.settles.items()}


def _kept(sim: Sim, now: int) -> Obj:
    memory, forgotten = sim.store.everything(), now - EVENTS_ARE_LISTED_FOR

    def stays(obj: Obj) -> bool:
        return obj["object"] != "webhook_endpoint" and (obj["object"] != "event" or obj["created"] >= forgotten)

    return {**memory, "objects": [obj for obj in memory["objects"] if stays(obj)]}
