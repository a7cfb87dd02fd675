"""Drops records that every group has done with."""

from __future__ import annotations

from murmuration_server.eventlog.port import EventLog
from murmuration_server.platform.call import Call


class LogUpkeep:
    def __init__(self, log: EventLog) -> None:
        self._log = log

    def run_once(self, call: Call) -> bool:
        return self._log.trim(call) > 0
