"""Exports a spreadsheet can open without harm: typed cells, no live formulas, exact amounts, any number of rows.

Owns: how rows become CSV and XLSX. Does not own: which columns an app shows. May import: the kit only.
"""

from __future__ import annotations

from billing_site.kit.exports.admin import ExportMixin
from billing_site.kit.exports.cells import cell, neutral
from billing_site.kit.exports.copying import copy_csv, stream_csv
from billing_site.kit.exports.resources import Field, SafeResource

__all__ = ["ExportMixin", "Field", "SafeResource", "cell", "copy_csv", "neutral", "stream_csv"]
