"""JSON as strictly as money deserves: what is ambiguous or cannot be stored is refused with a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import IO, Any, Self

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MOST_BYTES = 2 * 2**20
MOST_LEVELS = 20


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
        return parse_json(body)


def parse_json(body: bytes) -> Any:
    """Read one JSON document; raise ParseError with a sentence."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=WrittenFloat
        )
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start} is invalid.") from error
    except RecursionError as error:
        raise ParseError(f"The JSON is nested more than {MOST_LEVELS} levels deep.") from error
    except ValueError as error:
        raise ParseError(f"The body is not valid JSON: {error}.") from error
    may_hold_odd_text = b"\\u" in body  # what cannot be stored passes UTF-8 and JSON only as an escape
    for found, level in _walk(value, texts=may_hold_odd_text):
        if level > MOST_LEVELS:
            raise ParseError(f"The JSON is nested more than {MOST_LEVELS} levels deep.")
        if isinstance(found, str):
            _check_text(found)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} stands there twice")
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _walk(value: Any, *, texts: bool) -> Iterator[tuple[Any, int]]:
    """Visit every object and list with its depth, without recursion; with `texts`, every key and value too."""
    waiting = [(value, 0)]
    while waiting:
        found, level = waiting.pop()
        yield found, level
        if level > MOST_LEVELS:
            return
        if isinstance(found, dict):
            inside: Iterable[Any] = (part for pair in found.items() for part in pair) if texts else found.values()
        elif isinstance(found, list):
            inside = found
        else:
            continue
        waiting.extend((inner, level + 1) for inner in inside if texts or isinstance(inner, dict | list))


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ParseError("The body holds the character U+0000, which cannot be stored.")
    if any("\ud800" <= character <= "\udfff" for character in text if character > "\ud7ff"):
        raise ParseError("The body holds half of a surrogate pair, which is not a character.")
