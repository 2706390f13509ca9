#!/usr/bin/env python
"""Django's command line. Wrong settings end with one sentence instead of a traceback."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        import billing_site.settings  # noqa: F401 - read here so that a wrong variable is told before anything runs

        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Settings: {error}")
    except OperationalError as error:
        sys.exit(
            f"PostgreSQL: {str(error).strip()}\nStart it, or correct DATABASE_URL; `make demo` starts one of its own."
        )


if __name__ == "__main__":
    main()
