"""Refusals every app's tables share."""

from __future__ import annotations

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Table % holds records that are kept; it cannot be emptied.', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'records_are_kept';
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are added, never changed or deleted. Correct them by adding.', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = 'rows_are_only_added';
END $$;
"""

BACKWARD = r"""
DROP FUNCTION refuse_change();
DROP FUNCTION refuse_truncate();
"""


class Migration(migrations.Migration):
    dependencies = [("kit", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
