"""Owns which of our typefaces a text needs: those beyond Latin are large, so only who needs them loads them."""

from __future__ import annotations

import re

_JAPANESE, _CHINESE, _EMOJI = "NotoSansJP", "NotoSansSC", "NotoEmoji"
_LETTERS = {
    "NotoSansHebrew": re.compile("[\u0590-\u05ff\ufb1d-\ufb4f]"),
    "NotoSansArabic": re.compile("[\u0600-\u06ff\u0750-\u077f\ufdf2\ufdfa-\ufdfc]"),
    "NotoSansDevanagari": re.compile("[\u0900-\u097f]"),
    "NotoSansThai": re.compile("[\u0e00-\u0e7f]"),
    "NotoSansKR": re.compile("[\u3131-\u318e\uac00-\ud7a3]"),
}
_PICTURES = re.compile("[\u203c\u2049\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_KANA = re.compile("[\u3040-\u30ff]")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_FULL_WIDTH = re.compile("[\u3000-\u303f\uff00-\uffef]")


def faces_for(text: str) -> tuple[str, ...]:
    """Return the faces beyond Latin, Greek and Cyrillic that a text is set in, the one to be asked first first."""
    letters = "".join(sorted(set(text)))
    scripts = [face for face, pattern in _LETTERS.items() if pattern.search(letters)]
    return (*scripts, *_han_faces(letters), *([_EMOJI] if _PICTURES.search(letters) else []))


def _han_faces(letters: str) -> list[str]:
    """Set Han characters in one face where it can be done: the Japanese one if it has them all, else the Chinese."""
    han = _HAN.findall(letters)
    fits = _is_japanese(han)
    is_japanese = _KANA.search(letters) or (fits and (han or _FULL_WIDTH.search(letters)))
    return [*([_JAPANESE] if is_japanese else []), *([] if fits else [_CHINESE])]


def _is_japanese(han: list[str]) -> bool:
    """Our Japanese face holds the characters of JIS X 0208, which are those of Shift JIS."""
    return "".join(han).encode("shift_jis", "ignore").decode("shift_jis") == "".join(han)
