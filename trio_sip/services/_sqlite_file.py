"""The thread's side of `SqliteLocation`: one database file, and no trio.

One row holds all bindings of one address-of-record, so that a whole group of registrations is
written by *one* statement.  That matters more than it looks: sqlite3 gives up the GIL for every
statement, and gets it back from a busy event loop only after the switch interval of 5 ms.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from trio_sip.registration import Binding

__all__ = ["SqliteFile", "encode_bindings"]

_VERSION = 1
# `aor` is the key with everything but printable ASCII as Python escapes; `expires` is the
# wall-clock time at which the last binding ends; `bindings` is what encode_bindings makes.
_TABLES = (
    "CREATE TABLE schema_version (version INTEGER NOT NULL)",
    """CREATE TABLE location (
        aor TEXT PRIMARY KEY, expires REAL NOT NULL, bindings TEXT NOT NULL
    ) WITHOUT ROWID""",
)

# Rows per statement: SQLite before 3.32 knows 999 parameters, and each size is a statement that
# has to be prepared once.
_ROWS = 128

# Another process that is just closing the file gets this long, in seconds.
_PATIENCE = 1.0

# What is encoded is made right here and holds no circles.
_encode_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode_bindings(bindings: Sequence[Binding], to_wall: float) -> tuple[float, str]:
    """The columns ``expires`` and ``bindings``; ``to_wall`` turns our time into wall-clock time."""
    last = max([binding.expires_at for binding in bindings])
    fields = [
        (
            binding.contact,
            binding.params,
            binding.q,
            binding.expires_at + to_wall,
            binding.call_id,
            binding.cseq,
            binding.received_from,
            binding.user_agent,
            binding.path,
        )
        for binding in bindings
    ]
    return last + to_wall, _encode_json(fields)


def _decode_bindings(aor: str, text: str, to_wall: float) -> tuple[Binding, ...]:
    return tuple(
        Binding(
            aor=aor,
            contact=contact,
            params=params,
            q=q,
            expires_at=expires - to_wall,
            call_id=call_id,
            cseq=cseq,
            received_from=received_from,
            user_agent=user_agent,
            path=tuple(path),
        )
        for (
            contact, params, q, expires, call_id, cseq, received_from, user_agent, path,
        ) in json.loads(text)
    )  # fmt: skip


def _key(aor: str) -> str:
    # A user may hold a NUL or bytes that are no UTF-8, which SQLite would cut off or refuse.
    return aor.encode("unicode_escape").decode("ascii")


class SqliteFile:
    """One open database.  Every method blocks; all raise `OSError` and nothing else."""

    def __init__(self, path: str | os.PathLike[str], synchronous: str) -> None:
        self._path = os.fspath(path)
        if os.path.exists(self._path) and not os.access(self._path, os.W_OK):
            raise OSError(f"location database {self._path}: read-only")  # SQLite: "disk I/O error"
        with self._errors():
            self._database = sqlite3.connect(
                self._path,
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=2 * _ROWS + 20,
            )
        try:
            with self._errors():
                self._prepare(synchronous)
        except BaseException:
            self._database.close()
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(f"location database {self._path}: {error}") from error

    def _prepare(self, synchronous: str) -> None:
        execute = self._database.execute
        # Two processes would each answer from their own memory, so the second is turned away.
        execute("PRAGMA locking_mode=EXCLUSIVE")
        mode = execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"needs a write-ahead log, but has {mode!r}")
        execute(f"PRAGMA synchronous={synchronous}")
        execute("PRAGMA cache_size=-32768")  # 32 MB
        # Not after SQLite's 1,000 pages: a registration changes one page somewhere, and with
        # 100,000 addresses half of the work was moving pages that were soon changed again.
        execute("PRAGMA wal_autocheckpoint=8000")  # 32 MB
        # Also finds out now, and not at the first phone, that the file cannot be written.
        execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if not tables:
            for statement in _TABLES:
                execute(statement)
            execute("INSERT INTO schema_version VALUES (?)", (_VERSION,))
        elif not {"schema_version", "location"} <= tables:
            raise sqlite3.DatabaseError("is a database, but not one of registrations")
        (version,) = execute("SELECT max(version) FROM schema_version").fetchone()
        if version != _VERSION:
            raise sqlite3.DatabaseError(f"has version {version}, this program knows {_VERSION}")
        execute("COMMIT")

    def delete_expired(self, wall_now: float) -> None:
        """Delete the addresses whose last binding has ended.  Reads the whole file."""
        with self._errors():
            self._database.execute("DELETE FROM location WHERE expires <= ?", (wall_now,))

    def read(
        self, after: str | None, limit: int, to_wall: float
    ) -> list[tuple[str, tuple[Binding, ...]]]:
        """The bindings of up to ``limit`` addresses behind the address ``after``."""
        with self._errors():
            rows = self._database.execute(
                "SELECT aor, bindings FROM location WHERE aor > ? ORDER BY aor LIMIT ?",
                ("" if after is None else _key(after), limit),
            ).fetchall()
            try:
                return [
                    (aor, _decode_bindings(aor, text, to_wall))
                    for aor, text in ((key.encode().decode("unicode_escape"), t) for key, t in rows)
                ]
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(f"holds a damaged row: {error}") from error

    def write(self, rows: Mapping[str, tuple[float, str] | None]) -> None:
        """Store the columns of these addresses, or delete where there are none: all or nothing."""
        deleted = [_key(aor) for aor, columns in rows.items() if columns is None]
        stored = [(_key(aor), *columns) for aor, columns in rows.items() if columns is not None]
        with self._errors():
            if not deleted and len(stored) <= _ROWS:
                self._store(stored)  # One statement is a transaction of its own.
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for start in range(0, len(stored), _ROWS):
                    self._store(stored[start : start + _ROWS])
                for start in range(0, len(deleted), _ROWS):
                    self._delete(deleted[start : start + _ROWS])
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def _store(self, rows: list[tuple[str, float, str]]) -> None:
        places = ",".join(["(?,?,?)"] * len(rows))
        self._database.execute(
            f"INSERT OR REPLACE INTO location VALUES {places}",  # noqa: S608  # question marks only
            [column for row in rows for column in row],
        )

    def _delete(self, keys: list[str]) -> None:
        places = ",".join("?" * len(keys))
        self._database.execute(
            f"DELETE FROM location WHERE aor IN ({places})",  # noqa: S608  # question marks only
            keys,
        )

    def close(self) -> None:
        """Move the log into the file and let it go."""
        with self._errors():
            self._database.close()
