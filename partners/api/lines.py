"""Owns usage as a stream of lines (NDJSON): read a thousand lines at a time, answered line by line.

The answers are kept aside until the last line is read, because only then the status is known; memory stays flat.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final, NamedTuple

from django.http import FileResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from billing_site.kit.api.parsers import parse_json
from billing_site.kit.errors import is_refusal, sentence_of

MEDIA_TYPE: Final = "application/x-ndjson"
LINES_AT_ONCE: Final = 1000
LONGEST_LINE: Final = 16 * 2**10
MOST_BYTES: Final = 256 * 2**20
_TOO_LONG: Final = f"A line holds one event of at most {LONGEST_LINE:,} bytes."
_TOO_MUCH: Final = f"The stream is longer than {MOST_BYTES:,} bytes: from this line on nothing was read. Send the rest."
Result = dict[str, Any]
Recorder = Callable[[Sequence[Any]], list[Result]]


class Line(NamedTuple):
    """A line by its number, and what it holds; `wrong` says why it could not be read."""

    number: int
    event: Any
    wrong: str = ""


class Lines:
    """The lines of a request, read once."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Read nothing yet."""
        self._stream = stream

    def __iter__(self) -> Iterator[Line]:
        """Read line by line; blank lines are passed over, and what is too much ends the stream with a sentence."""
        number = taken = 0
        while text := self._stream.readline(LONGEST_LINE + 1):
            number += 1
            whole, size = self._is_whole(text)
            taken += size
            if taken > MOST_BYTES:
                yield Line(number, None, _TOO_MUCH)
                return
            if not whole:
                yield Line(number, None, _TOO_LONG)
            elif not text.isspace():
                yield _line(number, text)

    def _is_whole(self, text: bytes) -> tuple[bool, int]:
        """Tell whether a line was read to its end, and its size; the rest of a line that is too long is passed over."""
        size, rest = len(text), text
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = self._stream.readline(LONGEST_LINE + 1)
            size += len(rest)
            if size > MOST_BYTES:
                break
        return size <= LONGEST_LINE + text.endswith(b"\n"), size


class LinesParser(BaseParser):
    """Hands the stream over as it is; the view reads it."""

    media_type = MEDIA_TYPE

    def parse(self, stream: IO[bytes], *_: Any, **__: Any) -> Any:
        return Lines(stream)


def answer_to_lines(lines: Lines, record: Recorder) -> FileResponse:
    """Record the lines a thousand at a time, each thousand a transaction of its own, and answer each."""
    waiting = iter(lines)
    first = next(waiting, None)
    if first is None:
        raise ParseError("No line holds an event: send one JSON object a line.")
    waiting = chain([first], waiting)
    kept = SpooledTemporaryFile(max_size=2**20)  # noqa: SIM115 - the response closes it
    found: set[str] = set()
    while chunk := list(islice(waiting, LINES_AT_ONCE)):
        for result in _results(chunk, record):
            found.add(result["status"])
            kept.write(json.dumps(result, separators=(",", ":")).encode() + b"\n")
    kept.seek(0)
    return FileResponse(kept, status=_status(found), content_type=MEDIA_TYPE)


def _line(number: int, text: bytes) -> Line:
    try:
        return Line(number, parse_json(text))
    except ParseError as error:
        return Line(number, None, str(error.detail).replace("The body", "The line"))


def _results(chunk: Sequence[Line], record: Recorder) -> Iterator[Result]:
    told = iter(_recorded([line.event for line in chunk if not line.wrong], record))
    for line in chunk:
        yield {"line": line.number, **(_unread(line.wrong) if line.wrong else next(told))}


def _recorded(events: Sequence[Any], record: Recorder) -> list[Result]:
    """A chunk that is refused as a whole takes nothing from the chunks before it."""
    try:
        return record(events) if events else []
    except Exception as error:
        if not is_refusal(error):
            raise
        return [_unread(sentence_of(error)) for _ in events]


def _unread(sentence: str) -> Result:
    return {"idempotency_key": "", "status": "invalid", "detail": sentence}


def _status(found: set[str]) -> int:
    """Answer as a call with JSON does."""
    if not found & {"recorded", "repeated"}:
        return 409 if found == {"conflict"} else 400
    if found & {"conflict", "invalid"}:
        return 207
    return 201 if "recorded" in found else 200
