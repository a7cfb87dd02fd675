"""Accounts in a CQL keyspace.

A handle is claimed by a lightweight transaction, and the claim holds the whole account. Whoever meets a claim whose
account is missing, because its writer died, writes the account from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.cql_outbox import CqlOutbox
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.sharding.user_tables import UserTable
from murmuration_server.users.handles import fold
from murmuration_server.users.store import StoredUser

SCHEMA = Schema(
    "users",
    [
        [
            """CREATE TABLE IF NOT EXISTS users (
                user_id bigint PRIMARY KEY, handle text, display_name text, created_ms bigint,
                request_id text, digest blob
            )""",
            """CREATE TABLE IF NOT EXISTS handles (
                folded text PRIMARY KEY, user_id bigint, handle text, display_name text, created_ms bigint,
                request_id text, digest blob
            )""",
        ]
    ],
)
USER_TABLES = (
    UserTable("users", ("user_id",)),
    UserTable("handles", ("folded",), lambda owner: [(fold(owner.handle),)]),
)

_COLUMNS = "user_id, handle, display_name, created_ms, request_id, digest"
_CLAIM = Statement(
    f"INSERT INTO handles (folded, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS", conditional=True
)
_HOLDER = Statement(f"SELECT {_COLUMNS} FROM handles WHERE folded = ?", serial=True)
_INSERT = Statement(f"INSERT INTO users ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)")
_GET = Statement(f"SELECT {_COLUMNS} FROM users WHERE user_id = ?", falls_back=True)
_FIND = Statement("SELECT user_id FROM handles WHERE folded = ?", falls_back=True)
_SOME = Statement("SELECT user_id FROM users LIMIT ?", falls_back=True)


class CqlUserStore(CqlOutbox):
    def __init__(self, session: CqlSession) -> None:
        super().__init__("users", session)

    def create(
        self, call: Call, users: Sequence[StoredUser], outbox: Sequence[OutboxRow], bucket: int
    ) -> list[StoredUser | None]:
        batches = [
            self._session.batch([_insert(user), *self._outbox_requests(call, bucket, [event])], logged=True)
            for user, event in zip(users, outbox, strict=True)
        ]
        holders = self._claim_all(call, users)
        self._session.send(
            call, "batch", [batch for batch, holder in zip(batches, holders, strict=True) if holder is None]
        )
        self._finish(call, [holder for holder in holders if holder is not None])
        return holders

    def get_many(self, call: Call, user_ids: Sequence[int]) -> list[StoredUser]:
        found = self._session.rows_of_each(call, [(_GET, (user_id,)) for user_id in user_ids])
        return [StoredUser(*row) for rows in found for row in rows]

    def find_handles(self, call: Call, folded: Sequence[str]) -> dict[str, int]:
        found = self._session.rows_of_each(call, [(_FIND, (handle,)) for handle in folded])
        return {handle: rows[0][0] for handle, rows in zip(folded, found, strict=True) if rows}

    def sample(self, call: Call, limit: int) -> list[int]:
        return [row[0] for row in self._session.rows(call, _SOME, limit)]

    def _claim_all(self, call: Call, users: Sequence[StoredUser]) -> list[StoredUser | None]:
        """For each, None where the handle is his now, or who has it."""
        taken: dict[str, StoredUser] = {}
        answers: list[StoredUser | None] = []
        for user in users:
            folded = fold(user.handle)
            holder = taken.get(folded) or self._claim(call, folded, user)
            taken[folded] = holder or user
            answers.append(holder)
        return answers

    def _claim(self, call: Call, folded: str, user: StoredUser) -> StoredUser | None:
        row = self._session.claim(call, (_CLAIM, (folded, *_values(user))), (_HOLDER, (folded,)))
        # His own: an attempt that got no answer had been applied.
        return None if row is None or row[0] == user.user_id else StoredUser(*row)

    def _finish(self, call: Call, holders: Sequence[StoredUser]) -> None:
        known = {user.user_id for user in self.get_many(call, [holder.user_id for holder in holders])}
        self._session.write(call, *(_insert(holder) for holder in holders if holder.user_id not in known))


def _values(user: StoredUser) -> tuple[object, ...]:
    return user.user_id, user.handle, user.display_name, user.created_ms, user.request_id, user.digest


def _insert(user: StoredUser) -> Request:
    return _INSERT, _values(user)
