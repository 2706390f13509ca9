"""The role the application runs as: it may use every table and own none, so it can drop no constraint or trigger."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import connections

_EXISTS = "SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user"
_APPEND_ONLY = """
    SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename LIKE '%%event' AND tablename LIKE ANY(%s)"""
_AUDITED_APPS = ["invoices\\_%", "payments\\_%", "partners\\_%", "reporting\\_%", "kit\\_%"]


def grant_use(sender: AppConfig, using: str, **_: Any) -> None:
    """After migrating the last app, let APPLICATION_ROLE use what now exists; skipped where that role is missing."""
    if sender.name != "reporting":
        return
    with connections[using].cursor() as cursor:
        cursor.execute(_EXISTS, [settings.APPLICATION_ROLE])
        if cursor.fetchone() is None:
            return
        role = connections[using].ops.quote_name(settings.APPLICATION_ROLE)
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        cursor.execute(f"GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}")
        cursor.execute(_APPEND_ONLY, [_AUDITED_APPS])
        for (table,) in cursor.fetchall():
            cursor.execute(f"REVOKE UPDATE, DELETE ON {connections[using].ops.quote_name(table)} FROM {role}")
