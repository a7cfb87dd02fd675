"""What keeps a process from starting."""


class CannotStart(Exception):
    """Something that a process needs cannot be used; the message says what, why, and what to do."""
