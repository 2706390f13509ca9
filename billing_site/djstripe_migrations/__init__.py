"""Owns dj-stripe's fast way to its own schema: upstream's migrations as they are, and a squash that replaces them.

Owns no model and no schema of its own, and imports nothing but dj-stripe's migrations. See docs/decisions/0003.
"""

from __future__ import annotations

from djstripe import migrations as upstream

__path__.extend(upstream.__path__)  # Django finds upstream's files here, those of later releases too
