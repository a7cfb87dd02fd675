"""Ports with a scheduling point in front of each call."""

from __future__ import annotations

from typing import Any

from tests.support.sim_runtime import DirectedRuntime


class ScheduledPort:
    """Any port, under a name: the points are called `name.method`."""

    def __init__(self, name: str, port: Any, runtime: DirectedRuntime) -> None:
        self._name, self._port, self._runtime = name, port, runtime

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found
        label = f"{self._name}.{method}"

        def run(call: Any, *arguments: Any, **named: Any) -> Any:
            self._runtime.before(label, arguments)
            answer = found(call, *arguments, **named)
            self._runtime.after(label)
            return answer

        return run


class ScheduledLog(ScheduledPort):
    """The log; its consumers are ports, too: `log.poll`, `log.commit`."""

    def consumer(self, group: str, topics: Any) -> Any:
        return ScheduledPort(self._name, self._port.consumer(group, topics), self._runtime)
