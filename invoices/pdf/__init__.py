"""What an invoice looks like: `render` sets a canonical invoice as PDF.

Owns: pages, typefaces, words. Does not own: what is printed (`invoices.canonical`), where the file is kept.
May import: billing_site.kit, `invoices.canonical`.
"""

from __future__ import annotations

from invoices.pdf.rendering import fingerprint, render, render_html

__all__ = ["fingerprint", "render", "render_html"]
