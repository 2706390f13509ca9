"""The sim's memory: objects by id and in Stripe's order, and ids that come out the same every time."""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter, defaultdict
from threading import RLock
from typing import cast

from payments.stripe.sim.schema import Obj, copied, kind_of, validate, validate_fields

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 24


class NoSuchObject(LookupError):
    """Nothing with this id exists; the kind names what was looked for."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"No such {kind}: '{object_id}'")
        self.kind, self.object_id = kind, object_id


class Store:
    """Validated objects. What goes in and what comes out are copies, so nobody changes the past by accident."""

    def __init__(self, seed: str) -> None:
        self.lock = RLock()
        self.seed = seed
        self._counted: Counter[str] = Counter()
        self._objects: dict[str, Obj] = {}
        self._orders: dict[str, list[tuple[int, int, str]]] = defaultdict(list)

    def new_id(self, prefix: str) -> str:
        """Return the next id of a prefix: the same seed gives the same ids in the same order."""
        with self.lock:
            self._counted[prefix] += 1
            number = int.from_bytes(hashlib.sha256(f"{self.seed}/{prefix}/{self._counted[prefix]}".encode()).digest())
        return f"{prefix}_{''.join(_digits(number))}"

    def put(self, obj: Obj) -> Obj:
        """Keep an object, once Stripe's schema agrees."""
        validate(obj)
        with self.lock:
            if obj["id"] not in self._objects:
                insort(self._orders[kind_of(obj)], (obj.get("created", 0), len(self._objects), obj["id"]))
            self._objects[obj["id"]] = copied(obj)
        return obj

    def change(self, kind: str, object_id: str, fields: Obj) -> tuple[Obj, Obj]:
        """Change fields of an object; return it, and what they were before."""
        validate_fields(kind, fields)
        with self.lock:
            before = self.get(kind, object_id)
            self._objects[object_id] = before | copied(fields)
            return self.get(kind, object_id), {key: before.get(key) for key in fields if before.get(key) != fields[key]}

    def get(self, kind: str, object_id: str) -> Obj:
        """Return a copy of an object; `NoSuchObject` when there is none of this kind, deleted ones included."""
        with self.lock:
            obj = self._objects.get(object_id)
        if obj is None or obj["object"] != kind:
            raise NoSuchObject(kind, object_id)
        return cast("Obj", copied(obj))

    def find(self, object_id: str) -> Obj | None:
        """Return a copy of whatever has this id."""
        with self.lock:
            return cast("Obj | None", copied(self._objects.get(object_id)))

    def newest_first(self, kind: str) -> list[Obj]:
        """Return the living objects of a kind, latest `created` first; look, do not change."""
        with self.lock:
            found = [self._objects[object_id] for _, _, object_id in reversed(self._orders[kind])]
        return [obj for obj in found if not obj.get("deleted")]

    def latest(self, kind: str) -> int:
        """Return when the newest object of a kind was made, in Unix seconds; 0 when there is none."""
        with self.lock:
            return self._orders[kind][-1][0] if self._orders[kind] else 0

    def everything(self) -> Obj:
        """Return the whole memory as JSON; `remember` takes it back."""
        with self.lock:
            return cast("Obj", copied({"counted": dict(self._counted), "objects": list(self._objects.values())}))

    def remember(self, memory: Obj) -> None:
        """Put another store's memory in the place of this one's; it was validated when it was made."""
        with self.lock:
            self._counted = Counter(memory["counted"])
            self._objects = {obj["id"]: obj for obj in memory["objects"]}
            self._orders.clear()
            for place, obj in enumerate(memory["objects"]):
                insort(self._orders[kind_of(obj)], (obj.get("created", 0), place, obj["id"]))

    def forget(self, kind: str, object_id: str) -> None:
        """Leave nothing of an object."""
        with self.lock:
            self.get(kind, object_id)
            del self._objects[object_id]
            self._orders[kind] = [order for order in self._orders[kind] if order[-1] != object_id]

    def delete(self, kind: str, object_id: str) -> Obj:
        """Leave only the tombstone Stripe shows of a deleted object."""
        self.get(kind, object_id)
        return self.put({"id": object_id, "object": kind, "deleted": True})


def _digits(number: int) -> list[str]:
    return [ALPHABET[number // 62**place % 62] for place in range(ID_LENGTH)]
