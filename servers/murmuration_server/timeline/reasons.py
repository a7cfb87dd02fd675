"""Why an entry stands in a home. The numbers are those of murmuration.v1.InclusionReason."""

from __future__ import annotations

import enum


class Reason(enum.IntEnum):
    PUSHED = 1
    PULLED = 2
    OWN = 3
    JUST_FOLLOWED = 4
    REBUILT = 5
