"""Owns what our querysets may ask beside Django's own words."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.lookups import Lookup


@models.ForeignObject.register_lookup
@models.Field.register_lookup
class AnyOf(Lookup):
    """`pk__any=ids`: as `pk__in`, with all of them in one parameter, so that the statement does not grow with them.

    For whole numbers, as keys are; PostgreSQL refuses a column of anything else.
    """

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Compare with an array; no key is nobody's, and would make `exclude` find nothing."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s::bigint[])", (*params, [key for key in self.rhs if key is not None])
