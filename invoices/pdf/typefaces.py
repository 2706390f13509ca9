"""Owns the typefaces of documents: read from this package, never from the network or a template."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from weasyprint import CSS
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from invoices.pdf.scripts import faces_for

FOLDER = Path(__file__).parent / "fonts"
_STYLES = Path(__file__).parent / "css"
_SETS_KEPT = 8  # sets of faces a process keeps unpacked


class UnknownTypeface(ValueError):
    """Only the faces in this package can be loaded."""


class _ShippedFonts(URLFetcher):
    """Answers `font:` addresses of our own style sheets from the fonts folder, and nothing else."""

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        path = FOLDER / url.removeprefix("font:")
        if path not in FOLDER.glob("*.woff2"):
            raise UnknownTypeface(url)
        return URLFetcherResponse(url, BytesIO(path.read_bytes()), headers)


@dataclass(frozen=True, slots=True)
class Typography:
    """What WeasyPrint needs to set a page: fonts and style sheets, parsed once per process."""

    fonts: FontConfiguration
    sheets: tuple[CSS, ...]


def typography_for(text: str) -> Typography:
    """Return the faces and sheets a text needs."""
    return _typography(faces_for(text))


@lru_cache(maxsize=_SETS_KEPT)
def _typography(faces: tuple[str, ...]) -> Typography:
    fonts = FontConfiguration()
    styles = (_style("latin.css"), *map(_face_rules, faces), _in_faces(_style("document.css"), faces))
    sheets = tuple(CSS(string=style, url_fetcher=_ShippedFonts(), font_config=fonts) for style in styles)
    atexit.register(_tidy, os.getpid())
    return Typography(fonts, sheets)


def _tidy(owner: int) -> None:
    """Let WeasyPrint remove the folder it unpacked the faces to; a forked worker leaves its parent's alone."""
    if os.getpid() == owner:
        _typography.cache_clear()


def _style(name: str) -> str:
    return (_STYLES / name).read_text(encoding="utf-8")


def _face_rules(face: str) -> str:
    return "".join(
        f"@font-face {{ font-family: {family}; font-weight: {weight}; src: url(font:{family}.woff2) }}"
        for family, weight in ((f"{face}-SemiBold", 600), (f"{face}-Regular", 400))
        if _is_shipped(family)
    )


def _in_faces(style: str, faces: tuple[str, ...]) -> str:
    """Write the faces where the style sheet asks for others, each bold one before its plain one where it is strong."""
    plain = [f"{face}-Regular" for face in faces]
    strong = [family for face in faces for family in (f"{face}-SemiBold", f"{face}-Regular") if _is_shipped(family)]
    return style.replace('"Others Strong"', ", ".join(["Inter", *strong])).replace(
        '"Others"', ", ".join(["Inter", *plain])
    )


def _is_shipped(family: str) -> bool:
    return (FOLDER / f"{family}.woff2").exists()
