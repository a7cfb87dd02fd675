"""A walk through a home, page by page, while things change."""

from __future__ import annotations

from murmuration.v1 import timeline_pb2
from tests.support.assembly import Assembly
from tests.support.model import Model

READY = timeline_pb2.TimelineState.STATUS_READY


class Walk:
    """To be begun at rest. `note` is called after each change, so it knows what stood all the while."""

    def __init__(self, system: Assembly, model: Model, user: int, size: int) -> None:
        self._system, self._model, self._user, self._size = system, model, user, size
        self._from_ms = system.now_ms() - model.horizon_ms
        self._token = ""
        self._ready = True
        self._ever: set[int] = set()
        self._always: set[int] | None = None
        self.shown: list[int] = []
        self.ended = False
        self.note()

    def note(self) -> None:
        home = self._model.home(self._user, self._system.now_ms())
        self._ever.update(home)
        self._always = set(home) if self._always is None else self._always.intersection(home)

    def go_on(self) -> None:
        """One page."""
        page = self._system.user(self._user).home_page(self._size, self._token)
        ids = [item.tweet.tweet_id for item in page.items]
        seen = [self._model.entries[id_] for id_ in ids]
        wrong = [entry for entry in seen if not self._model.may_see(self._user, entry)]
        assert not wrong, f"a walk shows what its reader may not see: {wrong}"
        assert all(entry.created_ms >= self._from_ms for entry in seen), "a walk goes beyond its horizon"
        self.shown += ids
        assert self.shown == sorted(set(self.shown), reverse=True), f"not strictly newest first: {self.shown}"
        self._ready = self._ready and page.state.status == READY
        self._token, self.ended = page.next_page_token, not page.next_page_token
        if self.ended and self._ready:
            self._check_whole()

    def _check_whole(self) -> None:
        """All that stood in the home all the while came, but for what others that came in between pushed out."""
        missing = self._always - set(self.shown)
        due = [id_ for id_ in missing if sum(other >= id_ for other in self._ever) <= self._model.home_size]
        assert not due, f"a walk never showed {due}, it showed {self.shown}"
