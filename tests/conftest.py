"""What every test may rely on: real PostgreSQL and Valkey, one database per process, books that balance afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings

from billing_site.serving import readiness
from tests import ground

hypothesis_settings.register_profile("proofs")  # `make proofs`: the tests that ask for it play longer

pytest_plugins = ["tests.s3_fixture", "tests.stripe_sim_fixture"]

TOOLS = {
    "chromium": "apt-get install chromium",
    "newman": "npm install --global newman",
    "pdftoppm": "apt-get install poppler-utils",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(tool): skipped, with a line saying so, where the tool is not installed")
    config.addinivalue_line("markers", "breaks_invariants: leaves the books inconsistent on purpose")


# --- Servers and databases ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def test_servers() -> Iterator[None]:
    """Hold PostgreSQL and Valkey for as long as this process runs."""
    share = ground.take_share(settings.VAR_DIR)
    if "TEST_SERVER_URL" in os.environ:
        ground.make_roles_on_given_server()
    yield
    share.close()


@pytest.fixture(scope="session")
def template_database(test_servers, django_test_environment, django_db_blocker, django_db_createdb) -> str:
    with django_db_blocker.unblock():
        return ground.ensure_template(anew=django_db_createdb and "PYTEST_XDIST_WORKER" not in os.environ)


@pytest.fixture(scope="session")
def django_db_setup(template_database, django_db_blocker) -> Iterator[None]:
    """Clone the template instead of migrating once per process."""
    ground.clone(template_database)
    flush = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda _: _clone_again(template_database)
    yield
    TransactionTestCase._fixture_teardown = flush
    with django_db_blocker.unblock():
        connections.close_all()
    ground.drop_clone()
    shutil.rmtree(os.environ["FILES"], ignore_errors=True)


def _clone_again(template: str) -> None:
    """Replace Django's flush: append-only tables refuse TRUNCATE, and it would forget the rows of the migrations."""
    connections.close_all()
    ground.clone(template)


@pytest.fixture
def redis_url(test_servers) -> str:
    return settings.REDIS_URL


# --- Whole processes, for the flows ------------------------------------------------------------------------------


@pytest.fixture
def live_site(live_server) -> str:
    """Serve the site over real HTTP; the address without a slash at the end."""
    return str(live_server.url)


@pytest.fixture
def celery_worker_process(transactional_db, redis_url, tmp_path) -> Iterator[subprocess.Popen]:
    """Run a real Celery worker on the test database and the test Valkey: every queue, two children, log in tmp_path."""
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "billing_site.serving.worker", "--concurrency", "2"],
            cwd=ground.ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", readiness.VARIABLE: str(tmp_path)},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(worker, tmp_path)
        yield worker
    finally:
        worker.terminate()
        worker.wait(timeout=30)


def _wait_until_ready(worker: subprocess.Popen, folder: Path, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not readiness.noted(folder, "worker"):
        if worker.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"The worker did not become ready:\n{(folder / 'worker.log').read_text()[-2000:]}")
        time.sleep(0.1)


# --- After every test --------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Ask the database, before anything is rolled back, whether the books still balance."""
    result = yield
    if _used_the_database(item) and not item.get_closest_marker("breaks_invariants"):
        broken = _broken_invariants()
        assert not broken, "The books do not balance after this test:\n" + "\n".join(broken)
    return result


def _used_the_database(item: pytest.Item) -> bool:
    asked = {"db", "transactional_db", "live_server"}.intersection(getattr(item, "fixturenames", ()))
    return bool(asked or item.get_closest_marker("django_db"))


def _broken_invariants() -> list[str]:
    if connection.needs_rollback or connection.connection is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, detail FROM billing_invariants")
        return [f"{name}: {detail}" for name, detail in cursor.fetchall()]


# --- Tools that may be missing -----------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            if not shutil.which(tool):
                _miss(tool)


def _miss(tool: str) -> None:
    sentence = f"needs {tool}: {TOOLS.get(tool, 'install it')}"
    if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
