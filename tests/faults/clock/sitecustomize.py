"""A machine whose clock is wrong, for processes that have this folder in PYTHONPATH (Python imports this at its start).

The file that FAULTS_CLOCK names holds by how many milliseconds; it is looked at each time, so the clock may be set under
a running process. The monotonic clock goes on as it is, as clock_settime(2) leaves it.
"""

import os
import time

_true = time.time_ns
_file = os.environ["FAULTS_CLOCK"]


def _shown() -> int:
    with open(_file) as file:
        return _true() + int(file.read()) * 1_000_000


time.time_ns = _shown
