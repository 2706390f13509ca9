"""Owns what may be printed as a logo: small SVG and PNG pictures that fetch nothing and run nothing. No framework."""

from __future__ import annotations

import base64
import re
import struct
from xml.etree import ElementTree as ET

MOST_BYTES = 64_000  # every invoice keeps a copy
_MOST_PIXELS = 4_000
_PNG = b"\x89PNG\r\n\x1a\n"
_ACTIVE = {"script", "foreignObject", "iframe", "embed", "object", "audio", "video", "handler", "animate", "set"}
_FETCHES = re.compile(r"url\(\s*['\"]?(?!#)|@import|expression\(|javascript:", re.IGNORECASE)
_OWN = re.compile(r"#|data:image/(png|jpeg);base64,")


class UnfitLogo(ValueError):
    """The sentence says what to upload instead."""


def logo_of(content: bytes) -> str:
    """Return the SVG to keep for an uploaded picture; a PNG is kept inside one. Raises UnfitLogo."""
    if len(content) > MOST_BYTES:
        raise UnfitLogo(f"A logo has at most {MOST_BYTES // 1000} kB, this one has {len(content) // 1000} kB.")
    return _around(content) if content.startswith(_PNG) else _harmless(content)


def data_url(svg: str) -> str:
    """Return the address under which a page shows a kept logo, as a picture that runs nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}" if svg else ""


def _around(png: bytes) -> str:
    if len(png) < 33 or png[12:16] != b"IHDR" or b"IEND" not in png[-12:]:  # noqa: PLR2004 - its shortest form
        raise UnfitLogo("This PNG is damaged or cut off; export it again.")
    width, height = struct.unpack(">II", png[16:24])
    if not (0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS):
        raise UnfitLogo(
            f"A logo has at most {_MOST_PIXELS:,} pixels on each side, this one has {width:,} by {height:,}."
        )
    picture = base64.b64encode(png).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{picture}"/></svg>'
    )


def _harmless(content: bytes) -> str:
    try:
        svg = content.decode("utf-8-sig")
        if "<!DOCTYPE" in svg or "<!ENTITY" in svg:
            raise UnfitLogo("This SVG declares entities; save it as a plain SVG.")
        root = ET.fromstring(svg)  # noqa: S314 - entities are refused above
    except (UnicodeDecodeError, ET.ParseError) as error:
        raise UnfitLogo("This is neither an SVG nor a PNG; upload a logo in one of the two formats.") from error
    if _bare(root.tag) != "svg":
        raise UnfitLogo("This is no SVG picture; upload an SVG or a PNG.")
    for element in root.iter():
        _refuse_active(element)
    return svg


def _refuse_active(element: ET.Element) -> None:
    """Refuse what could run, and what could fetch something when the document is drawn."""
    name = _bare(element.tag)
    if name in _ACTIVE:
        raise UnfitLogo(f"This SVG contains <{name}>; a logo must not run or embed anything.")
    for attribute, value in element.attrib.items():
        plain = _bare(attribute).lower()
        if plain.startswith("on"):
            raise UnfitLogo(f"This SVG runs something ({plain}); a logo must not.")
        if plain in {"href", "src"} and not _OWN.match(value.strip()):
            raise UnfitLogo(f"This SVG refers to something outside of it ({value[:60]}); embed it or leave it out.")
    if any(_FETCHES.search(text) for text in (*element.attrib.values(), element.text or "")):
        raise UnfitLogo("This SVG fetches something by its styles; embed it or leave it out.")


def _bare(name: object) -> str:
    return str(name).rpartition("}")[2]
