"""A disk that is slow, fills up, and survives the programs that write to it.

:class:`Disk` is what is committed. :class:`DiskRecord` is one running program's way to it; when
the program is killed, what was confirmed is there, and of the rest the first few writes may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from tui_chat.conversation.model import DeliveryState, Message, MessageKind, MessageState
from tui_chat.delivery.item import FINAL, TRANSITIONS, OutboxItem
from tui_chat.errors import StorageError

__all__ = ["Disk", "DiskRecord"]

TRY_AGAIN = 1.0
"""Seconds until what nobody waits for is written again after a failure."""


@dataclass
class Disk:
    """What is committed, and what was committed before.

    Attributes:
        items: every item there has been, in its last state.
        states: the states each item was committed in, in order.
        messages: the conversation.
        thread_id: the thread's name.
        full: whether nothing more fits.
        latency: seconds a commit takes.
        violations: what must not happen, in words.
    """

    violations: list[str] = field(default_factory=list)
    items: dict[str, OutboxItem] = field(default_factory=dict)
    states: dict[str, list[DeliveryState]] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    thread_id: str | None = None
    full: bool = False
    latency: float = 0.0

    def put_items(self, items: Iterable[OutboxItem]) -> None:
        """Commit items; invariant 11 is checked here, where every state leaves its trace."""
        for item in items:
            before = self.items.get(item.id)
            if before is None and item.state is not DeliveryState.QUEUED:
                self.violations.append(f"invariant 11: a message begins as {item.state}")
            if before is not None and before.state in FINAL and item != before:
                self.violations.append(f"invariant 11: {before.state} is left for {item.state}")
            elif (
                before is not None
                and item.state is not before.state
                and item.state not in TRANSITIONS[before.state]
            ):
                self.violations.append(f"invariant 11: from {before.state} to {item.state}")
            self.items[item.id] = item
            self.states.setdefault(item.id, []).append(item.state)

    def put_messages(self, messages: Iterable[Message]) -> None:
        self.messages.update((message.id, message) for message in messages)

    def reopened_items(self) -> list[OutboxItem]:
        """Return what a program that starts finds: nobody knows what the last one still did."""
        opened: list[OutboxItem] = []
        for item in self.items.values():
            match item.state:
                case DeliveryState.WRITTEN:
                    opened.append(
                        msgspec.structs.replace(
                            item, state=DeliveryState.UNKNOWN, note="The program ended."
                        )
                    )
                case DeliveryState.QUEUED:
                    opened.append(msgspec.structs.replace(item, held=True))
                case state if state not in FINAL:
                    opened.append(item)
        self.put_items(opened)
        return sorted(opened, key=lambda item: item.position)

    def reopened_messages(self) -> list[Message]:
        """Return the conversation, in step with what the outbox does not hold any more."""
        messages: list[Message] = []
        for _, message in sorted(self.messages.items()):
            copy = message.copy()
            item = self.items.get(copy.outbox_id)
            if item is not None and item.state in FINAL:
                copy.delivery = item.state
            elif copy.state is MessageState.STREAMING and copy.kind is not MessageKind.USER:
                copy.state = MessageState.INTERRUPTED
            messages.append(copy)
        return messages


@dataclass
class _Write:
    """One thing to commit; nobody waits for it if there is no ``done``."""

    commit: Callable[[], None]
    done: asyncio.Future[None] | None = None


class DiskRecord:
    """The record of one running program."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.thread_id = disk.thread_id
        self.items: Sequence[OutboxItem] = disk.reopened_items()
        self.messages: Sequence[Message] = disk.reopened_messages()
        self._writes: list[_Write] = []
        self._task: asyncio.Task[None] | None = None
        self._dead = False

    async def save_items(self, items: Sequence[OutboxItem]) -> None:
        if self._dead:
            raise StorageError("The program is dead.")
        items = tuple(items)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._push(_Write(lambda: self._disk.put_items(items), done))
        await asyncio.shield(done)

    def record_items(self, items: Sequence[OutboxItem]) -> None:
        items = tuple(items)
        self._push(_Write(lambda: self._disk.put_items(items)))

    def record_messages(self, messages: Iterable[Message]) -> None:
        copies = [message.copy() for message in messages]
        self._push(_Write(lambda: self._disk.put_messages(copies)))

    def record_thread(self, thread_id: str) -> None:
        def commit() -> None:
            self._disk.thread_id = thread_id

        self._push(_Write(commit))

    async def flush(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    # -- what becomes of it -----------------------------------------------------------------------

    def kill(self, share: float) -> None:
        """End the program: this share of what is under way is committed, nobody hears of it."""
        under_way = [] if self._disk.full else self._writes[: round(len(self._writes) * share)]
        for write in under_way:
            write.commit()
        self._dead = True
        for write in self._writes:
            if write.done is not None and not write.done.done():
                write.done.set_exception(StorageError("The program is dead."))
                write.done.exception()
        self._writes.clear()
        if self._task is not None:
            self._task.cancel()

    def _push(self, write: _Write) -> None:
        if self._dead:
            return
        self._writes.append(write)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while self._writes:
            await asyncio.sleep(self._disk.latency)
            if not self._disk.full:
                if self._writes:
                    self._confirm(self._writes.pop(0))
                continue
            # What is waited for fails, the rest is tried again, in order.
            for write in [write for write in self._writes if write.done is not None]:
                self._writes.remove(write)
                if write.done is not None and not write.done.done():
                    write.done.set_exception(StorageError("The disk is full."))
                    write.done.exception()
            await asyncio.sleep(TRY_AGAIN)

    def _confirm(self, write: _Write) -> None:
        write.commit()
        if write.done is not None and not write.done.done():
            write.done.set_result(None)
