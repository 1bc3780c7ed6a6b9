"""The transcript: a conversation drawn line by line, only as much of it as is near the viewport.

Messages are data, never widgets. Each becomes an :class:`~.entry.Entry`, which cuts its text into
pieces of a few kilobytes (:mod:`.stream`); a piece is parsed into logical lines
(:mod:`.markdown`, :mod:`.lines`) and laid out in rows (:mod:`.rows`) when it comes into view. Two
levels of :class:`~.height_index.HeightIndex` know where everything stands; heights off screen are
estimates and are corrected when seen, without anything on screen moving.
"""

from __future__ import annotations

from tui_chat.app.transcript.widget import Transcript

__all__ = ["Transcript"]
