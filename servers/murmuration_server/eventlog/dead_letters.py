"""The dead letters: read from the log, settled through an outbox, as all that a serving process writes on the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from murmuration_server.eventlog import events
from murmuration_server.eventlog.dead_letter import DeadLetter, LetterState
from murmuration_server.eventlog.envelope import DEAD_LETTERS
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule, OutboxRow, OutboxSource
from murmuration_server.eventlog.port import EventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadLetterNotFound

PAGE_RECORDS = 500
MOST_LETTERS = 20_000
"""Kept in memory while they are listed: the newest."""


class DeadLetters:
    """What was settled here counts as settled at once, although the log has it a moment later."""

    def __init__(self, log: EventLog, outbox: OutboxSource, rule: BucketRule, quota: OutboxQuota) -> None:
        self._log, self._outbox, self._rule, self._quota = log, outbox, rule, quota
        self._under_way: dict[str, DeadLetter] = {}

    def all(self, call: Call) -> list[DeadLetter]:
        """The newest first, each as it is now."""
        under_way = dict(self._under_way)
        letters: dict[str, DeadLetter] = {}
        offsets: dict[int, int] = {}
        while records := self._log.read(call, DEAD_LETTERS, offsets, PAGE_RECORDS):
            call.remaining()
            for record in records:
                offsets[record.partition] = record.offset + 1
                found = events.read(record.value)
                if isinstance(found, DeadLetter):
                    letters.setdefault(found.letter_id, found)
                elif found is not None and found.letter_id in letters:
                    letter = letters[found.letter_id]
                    letters[found.letter_id] = replace(letter, state=found.state, settled_ms=found.settled_ms)
                if len(letters) > MOST_LETTERS:
                    del letters[next(iter(letters))]
        for letter_id, settled in under_way.items():
            if letter_id in letters and letters[letter_id].state is LetterState.OPEN:
                letters[letter_id] = settled
            else:
                self._under_way.pop(letter_id, None)
        return sorted(letters.values(), key=lambda letter: (letter.set_aside_ms, letter.letter_id), reverse=True)

    def get(self, call: Call, letter_id: str) -> DeadLetter:
        """Raises `DeadLetterNotFound`."""
        return self._find(call, [letter_id])[0]

    def retry(self, call: Call, letter_ids: Sequence[str]) -> list[DeadLetter]:
        """Puts the records on their topics again and answers the letters as they are then; those that are settled
        already are left alone. Raises `DeadLetterNotFound`, having done nothing, and `OutboxFull`."""
        return self._settle(
            call,
            letter_ids,
            LetterState.RETRIED,
            # The record in front: a letter that is marked was sent.
            lambda letter: [events.sent_again(letter), events.settled(letter)],
        )

    def drop(self, call: Call, letter_ids: Sequence[str]) -> list[DeadLetter]:
        """Gives the records up; as `retry`."""
        return self._settle(call, letter_ids, LetterState.DROPPED, lambda letter: [events.settled(letter)])

    def _find(self, call: Call, letter_ids: Sequence[str]) -> list[DeadLetter]:
        letters = {letter.letter_id: letter for letter in self.all(call)}
        for letter_id in letter_ids:
            if letter_id not in letters:
                raise DeadLetterNotFound(letter_id)
        return [letters[letter_id] for letter_id in letter_ids]

    def _settle(
        self,
        call: Call,
        letter_ids: Sequence[str],
        state: LetterState,
        rows_of: Callable[[DeadLetter], list[OutboxRow]],
    ) -> list[DeadLetter]:
        now = call.runtime.now_ms()
        answers, rows = [], []
        for letter in self._find(call, list(dict.fromkeys(letter_ids))):
            if letter.state is LetterState.OPEN:
                settled = replace(letter, state=state, settled_ms=now)
                rows += rows_of(settled)
                answers.append(settled)
            else:
                answers.append(letter)
        if rows:
            self._quota.admit(len(rows))
            bucket = self._rule.present()
            self._outbox.append_outbox(call, bucket, rows)
            self._rule.settle(call, self._outbox, bucket, rows)
            self._under_way |= {letter.letter_id: letter for letter in answers if letter.settled_ms == now}
        return answers
