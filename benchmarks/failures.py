"""Why a measurement ends without figures: each is one sentence and says what to do, where something can be done."""


class BenchFailed(Exception):
    """No figures; the message is for whoever asked for them."""


class TookTooLong(BenchFailed):
    """Something did not happen within its time."""


class LoadFailed(BenchFailed):
    """Calls failed where none may."""


class NotRecorded(BenchFailed):
    """There is no profile."""
