"""A machine whose clock is wrong, for processes that have this folder in PYTHONPATH (Python imports this at its start).

The file that FAULTS_CLOCK names holds by how many milliseconds; it is looked at each time, so the clock may be set
under a running process. The monotonic clock goes on as it is, as clock_settime(2) leaves it. time.time() is read by
gRPC, which counts deadlines by it together with its core, and by the CQL driver, which stamps writes with it and is
shown the wrong time.
"""

import os
import sys
import time
from pathlib import Path

_true, _true_seconds = time.time_ns, time.time
_file = Path(os.environ["FAULTS_CLOCK"])


def _shown() -> int:
    return _true() + int(_file.read_text()) * 1_000_000


def _shown_seconds() -> float:
    asked_by = sys._getframe(1).f_globals.get("__name__")
    return _shown() / 1e9 if asked_by == "cassandra.timestamps" else _true_seconds()


time.time_ns, time.time = _shown, _shown_seconds
