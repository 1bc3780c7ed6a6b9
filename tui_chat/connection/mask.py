"""Takes secrets out of what a server says, should it repeat them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from tui_chat.secret import MASK, Secret

__all__ = ["Mask"]

SHORTEST_MASKED: Final = 8
"""Characters; masking every occurrence of something shorter would garble ordinary text."""
_MASK: Final = MASK.encode()


class Mask:
    """Knows some secrets, plain and percent-encoded. Those too short to be told apart are left.

    Args:
        ticket: looked for in every frame.
        others: looked for in everything but the pieces of a reply, which are too many.
    """

    def __init__(self, ticket: Secret, others: Iterable[Secret] = ()) -> None:
        self._texts = [
            form
            for secret in (ticket, *others)
            if len(secret) >= SHORTEST_MASKED
            for form in dict.fromkeys((secret.reveal(), quote(secret.reveal(), safe="")))
        ]
        self._payloads = [text.encode("utf-8", "replace") for text in self._texts]
        # Looked for once per frame, so without a list to go through.
        value = ticket.reveal().encode("utf-8", "replace")
        self.ticket: bytes | None = value if len(ticket) >= SHORTEST_MASKED else None

    def text(self, text: str) -> str:
        """Return a text without the secrets."""
        for value in self._texts:
            text = text.replace(value, MASK)
        return text

    def payload(self, payload: bytes) -> bytes:
        """Return a frame without the secrets; the same object if there is none in it."""
        for value in self._payloads:
            if value in payload:
                payload = payload.replace(value, _MASK)
        return payload

    def __repr__(self) -> str:
        return f"Mask({len(self._texts)} values)"
