"""Where a message of the user stands; apart, so that it can be named without loading anything."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeliveryState"]


class DeliveryState(StrEnum):
    """Where a message of the user stands on its way to the server.

    ``QUEUED`` waits; ``WRITTEN`` was handed to a connection, or is about to be; ``RECEIVED`` has
    had a sign that the server works on it; ``PERSISTED`` is stored there. ``UNKNOWN`` was written,
    and nobody can say whether it arrived. ``FAILED`` was refused and certainly not taken.
    ``DISCARDED`` was given up by the user. ``PERSISTED``, ``FAILED`` and ``DISCARDED`` are final,
    except that the user may send a failed one again.
    """

    QUEUED = "queued"
    WRITTEN = "written"
    RECEIVED = "received"
    PERSISTED = "persisted"
    UNKNOWN = "unknown"
    FAILED = "failed"
    DISCARDED = "discarded"
