"""Whatever is done to stores and whenever they die, what was confirmed is there, in one place."""

from __future__ import annotations

import asyncio
import copy
import itertools
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.storage_support import SCOPE, item, message
from tui_chat.conversation.model import DeliveryState, Message
from tui_chat.delivery.item import FINAL, OutboxItem
from tui_chat.errors import ConversationBusy
from tui_chat.storage import Store, StoredConversation
from tui_chat.storage.rows import as_left_behind

STATES = st.sampled_from(list(DeliveryState))
NAMES = st.sampled_from("abcd")
WHICH = st.integers(0, 1)


@dataclass
class Expected:
    """What a conversation holds if everything handed over has been kept."""

    messages: dict[int, Message] = field(default_factory=dict)
    items: dict[str, OutboxItem] = field(default_factory=dict)
    draft: str = ""
    thread_id: str | None = None

    def take(self, each: OutboxItem) -> None:
        if each.state in FINAL:
            self.items.pop(each.id, None)
        else:
            self.items[each.id] = each

    def left_behind(self) -> Expected:
        """As the next one that opens it finds it."""
        left = copy.deepcopy(self)
        left.items = {name: as_left_behind(each) for name, each in self.items.items()}
        return left


class Stores(RuleBasedStateMachine):
    """Two stores on one database, each with at most one conversation open."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.root = Path(tempfile.mkdtemp())
        self.folders = (self.root / f"{number}" for number in itertools.count())
        self.folder = next(self.folders)
        self.stores: list[Store | None] = [None, None]
        self.open: list[StoredConversation | None] = [None, None]
        self.expected: dict[str, Expected] = {}
        self.unflushed: set[str] = set()
        for which in (0, 1):
            self.start(which)

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def start(self, which: int) -> None:
        self.stores[which] = self.run(Store.open(self.folder))
        assert self.store(which).kind == "file"

    def store(self, which: int) -> Store:
        store = self.stores[which]
        assert store is not None
        return store

    def holds(self, conversation: StoredConversation) -> None:
        """Compare what a conversation holds, just claimed, with what it must."""
        expected = self.expected.setdefault(conversation.id, Expected())
        found = Expected(
            {each.id: each for each in conversation.messages},
            {each.id: each for each in conversation.items},
            conversation.draft,
            conversation.thread_id,
        )
        assert found == expected.left_behind()
        self.expected[conversation.id] = found

    def is_open(self, conversation_id: str) -> bool:
        return any(each is not None and each.id == conversation_id for each in self.open)

    @rule(which=WHICH, fresh=st.booleans())
    def resume(self, which: int, fresh: bool) -> None:
        if self.open[which] is not None:
            return
        conversation = self.run(self.store(which).resume(SCOPE, fresh=fresh))
        assert not self.is_open(conversation.id)
        if fresh:
            assert conversation.id not in self.expected
        self.holds(conversation)
        self.open[which] = conversation

    @precondition(lambda self: self.expected)
    @rule(which=WHICH, pick=st.integers(0, 100))
    def claim(self, which: int, pick: int) -> None:
        if self.open[which] is not None:
            return
        name = sorted(self.expected)[pick % len(self.expected)]
        try:
            conversation = self.run(self.store(which).claim(name))
        except ConversationBusy:
            assert self.is_open(name)
            return
        assert not self.is_open(name)
        self.holds(conversation)
        self.open[which] = conversation

    @rule(which=WHICH, names=st.sets(NAMES, min_size=1), state=STATES, note=st.text(max_size=3))
    def save(self, which: int, names: set[str], state: DeliveryState, note: str) -> None:
        if (conversation := self.open[which]) is None:
            return
        note = note.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        items = [item(name, ord(name), state=state, note=note) for name in sorted(names)]
        self.run(conversation.save_items(items))
        for each in items:
            self.expected[conversation.id].take(each)
        self.unflushed.discard(conversation.id)  # what came before is kept along with it

    @rule(which=WHICH, number=st.integers(1, 5), text=st.text(max_size=5), name=NAMES, state=STATES)
    def record(self, which: int, number: int, text: str, name: str, state: DeliveryState) -> None:
        if (conversation := self.open[which]) is None:
            return
        expected = self.expected[conversation.id]
        said, changed = message(number, text), item(name, ord(name), state=state)
        conversation.record_messages([said])
        conversation.record_items([changed])
        conversation.record_draft(text)
        conversation.record_thread(f"t{number}")
        expected.messages[number] = said
        expected.messages = dict(sorted(expected.messages.items()))
        expected.take(changed)
        expected.draft, expected.thread_id = text, f"t{number}"
        self.unflushed.add(conversation.id)

    @rule(which=WHICH)
    def flush(self, which: int) -> None:
        if (conversation := self.open[which]) is not None:
            self.run(conversation.flush())
            self.unflushed.discard(conversation.id)

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        if (conversation := self.open[which]) is not None:
            self.run(conversation.release())
            self.closed(which)

    @rule(which=WHICH)
    def restart(self, which: int) -> None:
        self.run(self.store(which).aclose())
        if self.open[which] is not None:
            self.closed(which)
        self.start(which)

    def closed(self, which: int) -> None:
        conversation = self.open[which]
        assert conversation is not None
        self.unflushed.discard(conversation.id)
        if self.expected[conversation.id] == Expected():
            del self.expected[conversation.id]  # one that never held anything goes
        self.open[which] = None

    @rule()
    def die(self) -> None:
        """Both are killed: nothing they had open is given up, the files are as they are."""
        for conversation in self.open:
            if conversation is not None and conversation.id in self.unflushed:
                self.run(conversation.flush())  # whether it was kept is not known otherwise
        self.unflushed.clear()
        copied = next(self.folders)
        shutil.copytree(self.folder, copied)
        for store in self.stores:
            assert store is not None
            self.run(store.aclose())
        self.folder = copied
        for conversation in self.open:
            if conversation is not None and self.expected[conversation.id] == Expected():
                del self.expected[conversation.id]  # one that never held anything goes
        self.open = [None, None]
        for which in (0, 1):
            self.start(which)

    @invariant()
    def everything_is_listed(self) -> None:
        if getattr(self, "stores", None) is None or self.unflushed:
            return
        store = self.store(0)
        listed = {each.id: each for each in self.run(store.conversations())}
        assert listed.keys() == self.expected.keys()
        for name, summary in listed.items():
            assert (summary.open_in is not None) == self.is_open(name)
            assert summary.messages == len(self.expected[name].messages)

    def teardown(self) -> None:
        for store in getattr(self, "stores", ()):
            if store is not None:
                self.run(store.aclose())
        if hasattr(self, "runner"):
            self.runner.close()
            shutil.rmtree(self.root)


def test_stores_keep_what_they_confirmed() -> None:
    run_state_machine_as_test(Stores, settings=settings(max_examples=15, stateful_step_count=25))
