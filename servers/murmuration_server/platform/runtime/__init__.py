"""The one place where threads, locks, queues, clocks, sleep and randomness come from.

Everything that takes time or order from the machine asks a `Runtime`, so that a simulation can put one seeded
scheduler in its place and replay a run to the byte.
"""

from murmuration_server.platform.runtime.port import Event, Lock, Queue, QueueFull, Runtime, Task
from murmuration_server.platform.runtime.threads import ThreadRuntime

__all__ = ["Event", "Lock", "Queue", "QueueFull", "Runtime", "Task", "ThreadRuntime"]
