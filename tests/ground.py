"""The ground of a test run: a running server, a migrated template, and a clone of it for each process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from billing_site import embedded

ROOT = Path(__file__).resolve().parent.parent
_SCHEMA_FOLDERS = {"migrations", "djstripe_migrations", "models"}
_SCHEMA_MODULES = {"models", "roles", "apps", "audit", "settings", "database_role", "schedule"}


def take_share(var_dir: Path) -> IO[str]:
    """Hold the test servers for this process, starting their keeper when there is none; closing the file lets go."""
    var_dir.mkdir(parents=True, exist_ok=True)
    share = (var_dir / "users.lock").open("a")
    fcntl.flock(share, fcntl.LOCK_SH)
    ready = var_dir / "ready"
    deadline = time.monotonic() + 90
    while not (ready.exists() and _kept(var_dir)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The test servers did not start; see {var_dir}/log.")
        if not _kept(var_dir):
            _start_keeper(var_dir)
        time.sleep(0.1)
    return share


def _kept(var_dir: Path) -> bool:
    with (var_dir / "keeper.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_keeper(var_dir: Path) -> None:
    (var_dir / "ready").unlink(missing_ok=True)
    (var_dir / "log").mkdir(exist_ok=True)
    with (var_dir / "log" / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.keeper", str(var_dir)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    while not ((var_dir / "ready").exists() or keeper.poll() is not None):
        time.sleep(0.05)
    if keeper.returncode:
        raise RuntimeError((var_dir / "log" / "keeper.log").read_text().strip().splitlines()[-1])
    keeper.returncode = 0  # it outlives this process on purpose, which Popen would complain about


def ensure_template(*, anew: bool = False) -> str:
    """Return the name of the database every clone comes from; migrate one when the schema's sources have changed."""
    name = f"template_{_fingerprint()}"
    with _locked(settings.VAR_DIR / "template.lock"), administrator() as server:
        if anew:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            _migrate_template(server, name)
    return name


def _migrate_template(server: psycopg.Connection, name: str) -> None:
    draft = f"making_{name}"
    server.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
    server.execute(f'CREATE DATABASE "{draft}" OWNER {embedded.OWNER}')
    with _pointed_at(draft):
        call_command("migrate", database="owner", verbosity=0, interactive=False, skip_checks=True)
    server.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')
    server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')


def clone(template: str) -> None:
    """Replace this process's database by a fresh copy of `template`."""
    name = settings.TEST_DATABASE
    with administrator() as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" OWNER {embedded.OWNER} TEMPLATE "{template}"')


def drop_clone() -> None:
    with administrator() as server:
        server.execute(f'DROP DATABASE IF EXISTS "{settings.TEST_DATABASE}" WITH (FORCE)')


def administrator(**database: str) -> psycopg.Connection:
    """Connect as the one who may create databases, and to the `name` of one delete what nobody else may."""
    given = os.environ.get("TEST_SERVER_URL")
    if given is None:
        return embedded.connect(settings.VAR_DIR, **database)
    return psycopg.connect(given, autocommit=True, **({"dbname": database["name"]} if database else {}))


def make_roles_on_given_server() -> None:
    with administrator() as server:
        roles = {name for (name,) in server.execute("SELECT rolname FROM pg_roles")}
        for role in {embedded.OWNER, embedded.APPLICATION} - roles:
            server.execute(f"CREATE ROLE {role} NOLOGIN")


@contextmanager
def _pointed_at(database: str) -> Iterator[None]:
    connections.close_all()
    for connection in connections.all():
        connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connections.close_all()
        for connection in connections.all():
            connection.settings_dict["NAME"] = settings.TEST_DATABASE


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(_schema_sources()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _schema_sources() -> Iterator[Path]:
    """Find what a migrated database depends on: migrations, models (their permissions), roles, settings, the lock."""
    yield ROOT / "requirements" / "runtime.lock"
    for app in ("billing_site", "invoices", "payments", "partners", "reporting"):
        for path in (ROOT / app).rglob("*"):
            belongs = _SCHEMA_FOLDERS.intersection(path.parts) or path.stem in _SCHEMA_MODULES
            if belongs and path.suffix in {".py", ".sql"}:
                yield path
