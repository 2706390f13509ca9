"""The product's own settings on the servers of the test run.

A test run never sees the developer's data: it has a folder, a database and a key prefix of its own, and the variables
that point elsewhere are taken out of the environment before the page of settings is read. Children of a test (a worker,
a command) import this module too and arrive at the same names.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if "DATABASE_URL" in os.environ:
    os.environ["TEST_SERVER_URL"] = os.environ.pop("DATABASE_URL")
for _name in ("MIGRATION_DATABASE_URL", "REDIS_URL", "EMAIL_URL", "FILES", "SECRET_KEY", "HTTPS", "LOG_LEVEL"):
    os.environ.pop(_name, None)
for _name in [name for name in os.environ if name.startswith(("STRIPE_", "BILLING_", "REPORTING_", "AWS_"))]:
    os.environ.pop(_name)

if "PYTEST_XDIST_WORKER" in os.environ:
    TEST_DATABASE = f"test_{os.environ['PYTEST_XDIST_TESTRUNUID'][:8]}_{os.environ['PYTEST_XDIST_WORKER']}"
else:
    TEST_DATABASE = os.environ.setdefault("TEST_DATABASE", f"test_{os.getpid()}")

os.environ["VAR_DIR"] = os.environ.get("TEST_VAR_DIR") or str(ROOT / "var" / "test")
os.environ["FILES"] = f"{os.environ['VAR_DIR']}/files/{TEST_DATABASE}"

# pytest-randomly imports model_bakery before any settings exist; half an import of Django is left, which must not stay.
if "django.db.models" not in sys.modules:
    for _name in [name for name in sys.modules if name.startswith("django.db.models.")]:
        del sys.modules[_name]

from billing_site.settings import *  # noqa: E402, F403
from billing_site.settings import DATABASES, VAR_DIR, env  # noqa: E402

if "TEST_SERVER_URL" in os.environ:
    for _alias, _role in (("default", "billing_app"), ("owner", "billing_owner")):
        DATABASES[_alias] = env.database("TEST_SERVER_URL", default="")
        DATABASES[_alias]["OPTIONS"] = {"options": f"-c role={_role}"}
for _database in DATABASES.values():
    _database["NAME"] = TEST_DATABASE

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a login in a test proves nothing about hashing
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{TEST_DATABASE}:"}  # one Valkey, several runs
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns of a folder that is missing, and warnings are errors
