"""The embedded servers: where they listen, who may do what on them, and that none is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
from dj_database_url import parse

from billing_site import embedded
from billing_site.serving import children
from billing_site.serving.children import Program
from billing_site.serving.supervisor import FailedError, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture(scope="module")
def awkward_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("a folder") / ("with spaces and a very long name " * 4).strip() / "var"


@pytest.fixture(scope="module")
def servers(awkward_folder):
    postgres = embedded.start_postgres(awkward_folder, durable=False)
    valkey = embedded.start_valkey(awkward_folder)
    yield postgres, valkey
    valkey.stop()
    postgres.stop()


def test_addresses_are_the_same_every_time_and_start_nothing(tmp_path):
    url = embedded.database_url(tmp_path / "var", role="billing_app")
    assert url == embedded.database_url(tmp_path / "var", role="billing_app")
    assert not embedded.socket_folder(tmp_path / "var").exists()


def test_socket_paths_are_short_however_long_the_folder_is(awkward_folder):
    folder = embedded.socket_folder(awkward_folder)
    assert len(str(folder / ".s.PGSQL.5432.lock")) < 60
    assert " " not in str(folder)


def test_django_reads_the_socket_folder_out_of_the_url(awkward_folder):
    found = parse(embedded.database_url(awkward_folder, role="billing_app"))
    assert (found["HOST"], found["USER"]) == (str(embedded.socket_folder(awkward_folder)), "billing_app")


def test_only_this_user_reaches_the_sockets(servers, awkward_folder):
    assert stat.S_IMODE(embedded.socket_folder(awkward_folder).stat().st_mode) == 0o700


def test_application_role_owns_no_database_and_creates_none(servers, awkward_folder):
    with embedded.connect(awkward_folder, role="billing_app", name="billing") as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_database WHERE datdba = 'billing_app'::regrole"
        ).fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE DATABASE mine")


def test_database_counts_time_in_utc_and_text_in_utf8(servers, awkward_folder):
    with embedded.connect(awkward_folder, role="billing_owner", name="billing") as connection:
        question = (
            "SELECT current_setting('TimeZone'), current_setting('server_encoding'), 'Ä' = lower('Ä'), lower('Ä')"
        )
        assert connection.execute(question).fetchone() == ("UTC", "UTF8", False, "ä")


def test_servers_listen_on_no_port(servers):
    for server in servers:
        assert psutil.Process(server.process.pid).net_connections("tcp") == []


def test_a_folder_somebody_else_prepared_is_refused(tmp_path):
    folder = embedded.socket_folder(tmp_path / "var")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with pytest.raises(embedded.EmbeddedServerError, match="not a private folder"):
            embedded.start_valkey(tmp_path / "var")
    finally:
        folder.rmdir()


def test_a_folder_of_another_postgres_is_refused(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match="made by PostgreSQL 9"):
        embedded.start_postgres(tmp_path)


# --- Children ----------------------------------------------------------------------------------------------------


def test_a_child_dies_with_a_killed_parent(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from billing_site.serving.children import Program, start\n"
        f"print(start(Program(name='c', argv={SLEEPER!r}), var_dir=Path({str(tmp_path)!r})).process.pid, flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running()


def test_a_left_over_of_the_same_name_is_ended_first(tmp_path):
    first = children.start(Program(name="c", argv=SLEEPER), var_dir=tmp_path)
    second = children.start(Program(name="c", argv=SLEEPER), var_dir=tmp_path)
    try:
        assert (first.alive, second.alive) == (False, True)
    finally:
        second.stop()


def test_a_stranger_that_got_the_number_of_a_dead_child_is_left_alone(tmp_path):
    stranger = subprocess.Popen(SLEEPER)
    with stranger:
        (tmp_path / "c.pid").write_text(f"{stranger.pid} 1000.0\n")
        assert not children.end_left_over(tmp_path / "c.pid", by=signal.SIGTERM, patience=1)
        assert stranger.poll() is None
        stranger.kill()


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    child = children.start(Program(name="c", argv=[sys.executable, "-c", deaf], patience=0.2), var_dir=tmp_path)
    while "deaf" not in child.log_file.read_text():
        time.sleep(0.02)
    child.stop()
    assert not child.alive


# --- The supervisor ----------------------------------------------------------------------------------------------


def test_a_killed_service_is_started_again(tmp_path):
    supervisor = Supervisor(var_dir=tmp_path)
    supervisor.run("sleeper", lambda: children.start(Program(name="c", argv=SLEEPER), var_dir=tmp_path))
    first = supervisor.services[0].child
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    supervisor.tend()
    assert supervisor.services[0].child.alive
    supervisor.stop()


def test_a_service_that_keeps_ending_is_given_up_with_its_last_words(tmp_path):
    supervisor = Supervisor(var_dir=tmp_path)
    brief = Program(name="c", argv=[sys.executable, "-c", "print('no such table')"])
    supervisor.run("brief", lambda: children.start(brief, var_dir=tmp_path))
    with pytest.raises(FailedError, match="no such table"):
        supervisor.wait_until(lambda: False, what="it", seconds=30)


def test_services_stop_in_reverse_order(tmp_path):
    supervisor = Supervisor(var_dir=tmp_path)
    for name in ("first", "second"):
        supervisor.run(name, lambda name=name: children.start(Program(name=name, argv=SLEEPER), var_dir=tmp_path))
    first, second = (service.child for service in supervisor.services)
    second.pid_file.unlink()
    second.pid_file.mkdir()  # an obstacle at the end of the second's stop: the first must not have been asked yet
    with pytest.raises((IsADirectoryError, PermissionError)):
        supervisor.stop()
    stopped = [first.alive, second.alive]
    second.pid_file.rmdir()
    supervisor.stop()
    assert stopped == [True, False]
