"""Owns how a picture enters a page: inside it, as a `data:` address."""

from __future__ import annotations

from base64 import b64encode


def data_address(svg: str) -> str:
    """Return an SVG as a `data:` address; "" for none. What it refers to is never fetched."""
    if not svg.strip():
        return ""
    return "data:image/svg+xml;base64," + b64encode(svg.encode("utf-8", "replace")).decode("ascii")
