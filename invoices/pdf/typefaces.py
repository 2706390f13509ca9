"""Owns the typefaces of documents: read from this package, never from the network or a template."""

from __future__ import annotations

import atexit
import os
import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from weasyprint import CSS
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

FOLDER = Path(__file__).parent / "fonts"
_STYLES = Path(__file__).parent / "css"
# Kana, kanji and full-width forms. Their faces are large, so only documents that need them load them.
_JAPANESE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


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
    return _typography(japanese=bool(_JAPANESE.search(text)))


@cache
def _typography(*, japanese: bool) -> Typography:
    fonts = FontConfiguration()
    names = ("latin.css", "japanese.css", "document.css") if japanese else ("latin.css", "document.css")
    sheets = tuple(_sheet(name, fonts) for name in names)
    atexit.register(_tidy, os.getpid())
    return Typography(fonts, sheets)


def _tidy(owner: int) -> None:
    """Let WeasyPrint remove the folder it unpacked the faces to; a forked worker leaves its parent's alone."""
    if os.getpid() == owner:
        _typography.cache_clear()


def _sheet(name: str, fonts: FontConfiguration) -> CSS:
    return CSS(string=(_STYLES / name).read_text(encoding="utf-8"), url_fetcher=_ShippedFonts(), font_config=fonts)
