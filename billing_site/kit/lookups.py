"""Owns what our querysets may ask beside Django's own words."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.lookups import Lookup


@models.ForeignObject.register_lookup
@models.Field.register_lookup
class AnyOf(Lookup):
    """`pk__any=ids`: as `pk__in`, with all of them in one parameter, so that the statement does not grow with them."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Compare with an array of the column's own type."""
        column, params = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        kind = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        return f"{column} = ANY(%s::{kind}[])", (*params, list(self.rhs))
