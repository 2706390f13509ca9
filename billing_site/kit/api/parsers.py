"""JSON as strictly as money deserves: what is ambiguous or cannot be stored is refused with a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import chain
from typing import IO, Any, Self

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from billing_site.kit.garbage import collector_paused

MOST_BYTES = 2 * 2**20
MOST_LEVELS = 20
_HINTS = {
    "utf-8-sig": "it begins with a byte order mark; send UTF-8 without one",
    "set_int_max_str_digits": "it holds a number of thousands of digits",
}


class WrittenFloat(float):
    """A JSON number with a point that remembers how it was written, so that `Decimal(str(n))` is exact."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        if math.isinf(number):
            raise ValueError(f"the number {text[:40]} is too large")
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


class StrictJSONParser(BaseParser):
    """Refuses duplicate keys, NaN and Infinity, NUL, lone surrogates, depth over 20, invalid UTF-8, more than 2 MiB."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], *_: Any, **__: Any) -> Any:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise ParseError(f"The body is larger than {MOST_BYTES} bytes; send it in parts.")
        with collector_paused():
            return parse_json(body)


def parse_json(body: bytes) -> Any:
    """Read one JSON document; raise ParseError with a sentence."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=WrittenFloat)
        _refuse_depth(value)
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start} is invalid.") from error
    except RecursionError as error:
        raise ParseError(f"The JSON is nested more than {MOST_LEVELS} levels deep.") from error
    except ValueError as error:
        raise ParseError(f"The body is not valid JSON: {_said(error)}.") from error
    if b"\\u" in body:  # what cannot be stored passes UTF-8 and JSON only as an escape
        for found in _walk(value):
            if isinstance(found, str):
                _check_text(found)
    return value


def _refuse_depth(value: Any) -> None:
    """Look a level at a time: deep JSON must not need a deep stack."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        objects = [found for found in level if type(found) is dict]
        lists = [found for found in level if type(found) is list]
        if not objects and not lists:
            return
        level = [*chain.from_iterable(found.values() for found in objects), *chain.from_iterable(lists)]
    if any(isinstance(found, dict | list) for found in level):
        raise ParseError(f"The JSON is nested more than {MOST_LEVELS} levels deep.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} stands there twice")
    return result


def _said(error: ValueError) -> str:
    """Say to the sender what Python says to programmers."""
    for hint, sentence in _HINTS.items():
        if hint in str(error):
            return sentence
    return str(error)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _walk(value: Any) -> Iterator[Any]:
    """Visit every object and list, every key and value, without recursion."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, dict):
            waiting.extend(part for pair in found.items() for part in pair)
        elif isinstance(found, list):
            waiting.extend(found)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ParseError("The body holds the character U+0000, which cannot be stored.")
    if any("\ud800" <= character <= "\udfff" for character in text if character > "\ud7ff"):
        raise ParseError("The body holds half of a surrogate pair, which is not a character.")
