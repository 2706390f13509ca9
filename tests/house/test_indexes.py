"""No index repeats the beginning of another: each costs every row that is written, and nobody reads it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

OURS = ("kit", "invoices", "payments", "partners", "reporting")
_REPEATED = """
SELECT mine.indrelid::regclass::text, mine.indexrelid::regclass::text, other.indexrelid::regclass::text
FROM pg_index mine
JOIN pg_index other ON other.indrelid = mine.indrelid AND other.indexrelid <> mine.indexrelid
JOIN pg_class a ON a.oid = mine.indexrelid JOIN pg_class b ON b.oid = other.indexrelid AND a.relam = b.relam
WHERE NOT mine.indisunique AND mine.indpred IS NULL AND other.indpred IS NULL
  AND mine.indexprs IS NULL AND other.indexprs IS NULL AND other.indnkeyatts >= mine.indnkeyatts
  AND (other.indkey::int2[])[0:mine.indnkeyatts - 1] = (mine.indkey::int2[])[0:mine.indnkeyatts - 1]
  AND (other.indclass::oid[])[0:mine.indnkeyatts - 1] = (mine.indclass::oid[])[0:mine.indnkeyatts - 1]
"""


@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another():
    tables = {model._meta.db_table for app in OURS for model in apps.get_app_config(app).get_models()}
    with connection.cursor() as cursor:
        cursor.execute(_REPEATED)
        assert [found for found in cursor.fetchall() if found[0] in tables] == []
