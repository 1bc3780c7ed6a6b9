"""The table of transitions, as the design has it, and what an item says of itself."""

from __future__ import annotations

import pytest

from tui_chat.conversation.model import DeliveryState
from tui_chat.delivery.item import FINAL, OPEN, TRANSITIONS, OutboxItem, new_id

S = DeliveryState
ALLOWED = {
    ("queued", "written"),
    ("queued", "failed"),
    ("queued", "discarded"),
    ("written", "queued"),
    ("written", "received"),
    ("written", "persisted"),
    ("written", "unknown"),
    ("written", "failed"),
    ("received", "persisted"),
    ("unknown", "queued"),
    ("unknown", "written"),
    ("unknown", "received"),
    ("unknown", "persisted"),
    ("unknown", "discarded"),
    ("failed", "queued"),
    ("failed", "discarded"),
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_the_table_allows_this_and_no_more(before: S, after: S) -> None:
    assert (after in TRANSITIONS[before]) is ((before.value, after.value) in ALLOWED)


def test_nothing_follows_what_is_final() -> None:
    assert {state for state in S if not TRANSITIONS[state]} == FINAL


@pytest.mark.parametrize("state", S)
def test_what_is_settled_is_not_open(state: S) -> None:
    item = OutboxItem(id="a", position=1, text="", created=0.0, state=state)
    assert item.settled is (state.value not in ("queued", "written", "unknown"))
    assert item.settled is (state not in OPEN)


def test_ids_differ_and_are_hexadecimal() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 32 and int(each, 16) for each in ids)
