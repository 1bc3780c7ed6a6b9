"""The connection to SQLite: opening whatever is on the disk, transactions, damage.

Lives in the thread of the store.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from tui_chat.clock import Clock
from tui_chat.errors import StorageError
from tui_chat.storage.connecting import check, choose_journal, connect, slower_journal
from tui_chat.storage.failures import is_damage, storage_error
from tui_chat.storage.file_system import is_network
from tui_chat.storage.folder import (
    DATABASE,
    Unusable,
    identity,
    prepare_file,
    prepare_folder,
    set_aside,
)
from tui_chat.storage.instances import Instances
from tui_chat.storage.locks import holding
from tui_chat.storage.schema import APPLICATION_ID, migrate, version_of
from tui_chat.storage.surroundings import Surroundings
from tui_chat.storage.values import Probe, Say
from tui_chat.text import one_line

__all__ = ["Database", "Kind"]

Kind = Literal["file", "memory", "read_only"]
T = TypeVar("T")

_SETUP_PATIENCE: Final = 10.0
"""Seconds to wait while another process sets the database up, or migrates it."""


class _Newer(Exception):
    """The database was made by a newer version of the program."""


class Database:
    """The database in a folder, or one in memory where that cannot be used.

    Args:
        folder: where it is; None keeps it in memory.
        surroundings: the machine.
        clock: for the name of what is set aside.
        say: makes a notice.
        probe: told at the write points.

    Attributes:
        restore: called inside a transaction after a new database has taken the place of a damaged
            one, to write what is open into it.
        kind: where it is kept.
        path: the database, None in memory.
        instances: the running programs that use it.
    """

    def __init__(
        self,
        folder: Path | None,
        surroundings: Surroundings,
        *,
        clock: Clock,
        say: Say,
        probe: Probe,
    ) -> None:
        self._folder = folder
        self._surroundings = surroundings
        self._clock = clock
        self._say = say
        self._probe = probe
        self.restore: Callable[[sqlite3.Connection], None] = lambda _: None
        self._identity: tuple[int, int] | None = None
        self._unrestored = False
        self._connection: sqlite3.Connection | None = None
        self._archive: sqlite3.Connection | None = None
        self.kind: Kind = "memory"
        self.path: Path | None = None
        self.instances = Instances(None, surroundings.locking)

    @property
    def folder(self) -> Path | None:
        """Where the file is, None in memory."""
        return None if self.path is None else self.path.parent

    # -- opening and closing ----------------------------------------------------------------------

    def open(self) -> None:
        """Open what there is. Never raises for the state of the disk."""
        if self._folder is not None:
            try:
                self._open_folder(self._folder)
            except _Newer:
                self._say(
                    "NEWER",
                    f"{one_line(str(self._folder / DATABASE))} was written by a newer version of "
                    "tui-chat. It can be read but is not changed, and nothing of this session is "
                    "kept. `tui-chat queue` shows what waits in it. Update tui-chat.",
                )
            except Unusable as error:
                self._in_memory(str(error))
            except (OSError, sqlite3.Error) as error:
                self._in_memory(str(storage_error(error, self._folder)))
        if self._connection is None:
            if self._archive is None:
                self.path = None
            self.instances = Instances(None, self._surroundings.locking)
            self._connection = connect(":memory:")
            migrate(self._connection, None, self._surroundings.migrations, self._probe)

    def _in_memory(self, why: str) -> None:
        self._close_connections()
        self._identity = None
        self.kind = "memory"
        self._say("IN_MEMORY", f"{why} Until then nothing outlives the program.")

    def _open_folder(self, folder: Path) -> None:
        prepare_folder(folder, self._say)
        instances = folder / "instances"
        prepare_folder(instances, self._say)
        try:
            # One at a time: two that found the same damage would set aside each other's new file.
            setup = holding(
                folder / "setup.lock", self._surroundings.locking, patience=_SETUP_PATIENCE
            )
            with setup:
                self._open_file(folder / DATABASE)
        except TimeoutError:
            raise Unusable(
                f"Another tui-chat has been setting up {one_line(str(folder))} for too long. End "
                "it, or wait for it."
            ) from None
        self._enter(instances)

    def _enter(self, folder: Path) -> None:
        self.instances = Instances(folder, self._surroundings.locking)
        self.instances.enter()
        if not self.instances.own.locked:
            self._say(
                "LOCKS",
                f"There are no file locks in {one_line(str(folder))}. Whether another tui-chat "
                "has a conversation open is judged by its process id, which is less certain.",
            )
        self.instances.sweep()

    def _open_file(self, path: Path) -> None:
        new = prepare_file(path, self._say)
        self.path = path
        try:
            self._open_connection(path, new=new)
        except sqlite3.DatabaseError as error:
            self._close_connections()
            if not is_damage(error):
                raise
            self._set_aside(path)
            prepare_file(path, self._say)
            self._open_connection(path, new=True)

    def _open_connection(self, path: Path, *, new: bool) -> None:
        if not new:
            self._look(path)
        connection = self._connection = connect(f"{path.as_uri()}?mode=rw")
        self._identity = identity(path)
        file_system = self._surroundings.file_system(path.parent)
        mode = choose_journal(connection, network=is_network(file_system))
        if mode != "wal":
            self._say("JOURNAL", slower_journal(path.parent, file_system, mode))
        migrations = self._surroundings.migrations
        try:
            migrate(connection, path, migrations, self._probe)
        except (sqlite3.Error, OSError) as error:
            if new or is_damage(error):
                raise
            raise Unusable(
                f"{one_line(str(path))} could not be brought to this version's form: "
                f"{one_line(str(error), 120)}. It is as it was; try again, or go back to the "
                "version of tui-chat that wrote it."
            ) from error
        if not new:
            check(connection)
        self.kind = "file"

    def _look(self, path: Path) -> None:
        """Find out whose database it is, through a connection that cannot change it.

        Raises:
            _Newer: if a newer version made it; the connection stays open for reading.
            Unusable: if another program made it.
            sqlite3.DatabaseError: if it is damaged.
        """
        archive = connect(f"{path.as_uri()}?mode=ro", writing=False)
        try:
            try:
                version = version_of(archive)
                [application] = archive.execute("PRAGMA application_id").fetchone()
                [tables] = archive.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                return  # a transaction that was cut short has to be undone first, by writing
            if application != APPLICATION_ID and (application or version or tables):
                raise Unusable(
                    f"{one_line(str(path))} is the database of another program. Move it away, or "
                    "name another folder in TUI_CHAT_DATA."
                )
            if version > len(self._surroundings.migrations):
                self._archive, self.kind = archive, "read_only"
                raise _Newer
        finally:
            if self._archive is not archive:
                archive.close()

    def close(self) -> None:
        """Close the connection and give up the lock. Never raises."""
        self._close_connections()
        self.instances.leave()

    def _close_connections(self) -> None:
        for connection in (self._connection, self._archive):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
        self._connection = self._archive = None

    # -- work -------------------------------------------------------------------------------------

    def read(self, work: Callable[[sqlite3.Connection], T], *, archive: bool = False) -> T:
        """Return what ``work`` reads, all of it from one moment.

        Args:
            work: gets the connection.
            archive: look into the database of a newer version, if that is what is there.

        Raises:
            StorageError: if it cannot be read.
        """
        connection = self._archive if archive and self._archive is not None else None
        return self._attempt(lambda: self._in_transaction(work, "BEGIN", (), connection))

    def write(self, work: Callable[[sqlite3.Connection], T], *kinds: str) -> T:
        """Carry out ``work`` as a whole or not at all; it is on the disk when this returns.

        Args:
            work: gets the connection.
            kinds: which write points it is.

        Raises:
            StorageError: if it failed. Nothing has changed then.
        """
        return self._attempt(lambda: self._in_transaction(work, "BEGIN IMMEDIATE", kinds))

    def outside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Carry out what cannot stand in a transaction, such as ``VACUUM``.

        Raises:
            StorageError: if it failed.
        """
        return self._attempt(lambda: work(self._current()))

    def _attempt(self, attempt: Callable[[], T]) -> T:
        try:
            self._follow_replacement()
            try:
                return attempt()
            except sqlite3.DatabaseError as error:
                if not is_damage(error) or self.kind != "file":
                    raise
                self._replace()
                return attempt()
        except StorageError:
            raise
        except Exception as error:  # a value that SQLite refuses must not end the thread
            raise storage_error(error, self.folder) from error

    def _in_transaction(
        self,
        work: Callable[[sqlite3.Connection], T],
        begin: str,
        kinds: Sequence[str],
        connection: sqlite3.Connection | None = None,
    ) -> T:
        connection = connection or self._current()
        for kind in kinds:
            self._probe(f"{kind}:before")
        connection.execute(begin)
        try:
            result = work(connection)
            for kind in kinds:
                self._probe(f"{kind}:in-transaction")
            connection.execute("COMMIT")
        except BaseException:
            # SQLite has undone it already after some errors, a full disk among them.
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        for kind in kinds:
            self._probe(f"{kind}:committed")
        return result

    def _current(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the store is closed")
        return self._connection

    # -- damage -----------------------------------------------------------------------------------

    def _follow_replacement(self) -> None:
        """Go over to the file of that name if it is another one by now.

        Another process may have set the damaged one aside, or a person has removed it; what is
        written to a file without a name is lost.
        """
        if (
            self.kind == "file"
            and self.path is not None
            and self._connection is not None
            and identity(self.path) != self._identity
        ):
            self._say(
                "REPLACED",
                f"The database in {one_line(str(self.path.parent))} was removed or replaced by "
                "another program. What is open here is written into the one that is there now.",
            )
            self._replace()
        elif self._unrestored or not self.instances.seen:
            self._restore()

    def look(self) -> None:
        """See whether the file is still there, and follow what has become of it.

        Raises:
            StorageError: if that failed.
        """
        self._attempt(lambda: None)

    def _replace(self) -> None:
        """Leave the database that is open now; write what is open into the new one."""
        assert self.path is not None  # noqa: S101 - only a file is replaced
        self._close_connections()
        path, instances = self.path, self.instances
        try:
            prepare_folder(path.parent, self._say)
            with holding(
                path.parent / "setup.lock", self._surroundings.locking, patience=_SETUP_PATIENCE
            ):
                if identity(path) == self._identity:
                    self._set_aside(path)
                self._open_file(path)
        except _Newer:
            self._close_connections()
            self._in_memory(f"{one_line(str(path))} belongs to a newer version now; update.")
        except (Unusable, TimeoutError) as error:
            self._in_memory(str(error) or "Another tui-chat is setting the database up.")
        except (OSError, sqlite3.Error) as error:
            self._in_memory(str(storage_error(error, path.parent)))
        if self._connection is None:
            self._open_memory(instances)
        self._unrestored = True
        self._restore()

    def leave_file(self, error: StorageError) -> None:
        """Go on in memory, because nothing can be written to the file; never raises.

        Args:
            error: why; it is made known.
        """
        self._in_memory(str(error))
        self._open_memory(self.instances)
        self._unrestored = True
        with contextlib.suppress(sqlite3.Error):
            self._restore()

    def _open_memory(self, instances: Instances) -> None:
        instances.leave()
        self._folder = None
        self.open()

    def _restore(self) -> None:
        if self.path is not None and not self.instances.seen:  # somebody has removed the lock
            prepare_folder(self.path.parent / "instances", self._say)
            self.instances.enter_again()
        # If it fails, on a full disk for instance, it comes before whatever is tried next.
        self._in_transaction(self.restore, "BEGIN IMMEDIATE", ())
        self._unrestored = False

    def _set_aside(self, path: Path) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(self._clock.wall(), 0.0)))
        aside = set_aside(path, stamp)
        self._say(
            "SET_ASIDE",
            f"The database in {one_line(str(path.parent))} is damaged. It is kept there as "
            f"{one_line(aside.name)}, and a new one has been started; what is open now goes on.",
        )
