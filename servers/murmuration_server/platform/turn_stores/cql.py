"""Turns in a CQL keyspace: a row that ends by itself, under lightweight transactions."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.failures import OutcomeUnknown
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.platform.errors import Unavailable

SCHEMA = Schema("turns", [["CREATE TABLE IF NOT EXISTS turns (name text PRIMARY KEY, owner text)"]])

_TAKE = Statement("INSERT INTO turns (name, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?", conditional=True)
_RENEW = Statement("UPDATE turns USING TTL ? SET owner = ? WHERE name = ? IF owner = ?", conditional=True)


class CqlTurnStore:
    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def take(self, call: Call, name: str, owner: str, seconds: int) -> bool:
        try:
            return self._session.apply_if(call, _RENEW, seconds, owner, name, owner) or self._session.apply_if(
                call, _TAKE, name, owner, seconds
            )
        except OutcomeUnknown as error:
            raise Unavailable("the store of turns") from error

    def close(self) -> None:
        """The session is the process's."""
