"""Delivery: what a client's user can see of the outbox, and do with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from tui_chat.clock import Clock
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryState
from tui_chat.delivery.courier import Courier
from tui_chat.delivery.framing import SecretResolver
from tui_chat.delivery.item import OPEN, OutboxItem, SecretReference
from tui_chat.delivery.ledger import Ledger
from tui_chat.delivery.record import ConversationRecord
from tui_chat.delivery.resolution import FetchHistory, Resolution
from tui_chat.errors import ConfigurationError, MessageRefused, NoSuchMessage, TuiChatError
from tui_chat.protocol.client_frames import ChatMessage, ClientFrame
from tui_chat.protocol.codec import MAX_FRAME_BYTES, encode
from tui_chat.protocol.server_frames import ServerFrame
from tui_chat.telemetry import Telemetry, table

__all__ = ["Delivery"]

LAST_WORDS: Final = 2.0
"""Seconds that closing may take for what is still to be committed."""
LEAVING: Final = 10.0
"""Seconds that leaving a client's ``async with`` block may take for what is about to be sent."""
_SHOWN: Final = OPEN | {DeliveryState.FAILED}
_NOT_SENT_YET: Final = "It is being sent, or has been."

T = TypeVar("T")


class Delivery:
    """The outbox of one conversation.

    Everything in it is committed before a call returns, where the client has a record.

    Args:
        record: where the items are kept.
        conversation: where they are shown once written.
        send: hands a frame to the ready session; raises ``NotConnected`` without one.
        fetch: asks the server for a page of the thread's history.
        apply: carries out changes of the conversation.
        changed: told whenever an item has changed.
        trouble: told what keeps messages from being sent, apart from the connection.
        clock: the three clocks.
        telemetry: what is measured.
        secrets: looks up what goes into the headers for MCP servers.
        send_leftovers: whether messages that an earlier run of the program left over are sent
            without asking; otherwise they are held until :meth:`release`.
    """

    def __init__(
        self,
        record: ConversationRecord,
        conversation: Conversation,
        *,
        send: Callable[[ClientFrame], asyncio.Future[None]],
        fetch: FetchHistory,
        apply: Callable[[Iterable[Change]], None],
        changed: Callable[[], object],
        trouble: Callable[[TuiChatError], object],
        clock: Clock,
        telemetry: Telemetry,
        secrets: SecretResolver | None,
        send_leftovers: bool,
    ) -> None:
        self._record = record
        self._clock = clock
        self._telemetry = telemetry
        self._report = trouble
        self._reported = ""
        self._tell: Callable[[], object] = _nobody  # who is told is not made yet
        self._watchers: set[asyncio.Event] = set()
        self._accepting: set[asyncio.Task[Any]] = set()
        self._unobserve: Callable[[], None] | None = None
        self._ledger = Ledger(
            record,
            conversation,
            clock=clock,
            telemetry=telemetry,
            apply=apply,
            changed=self._item_changed,
        )
        self._courier = Courier(
            self._ledger,
            conversation,
            send=send,
            apply=apply,
            clock=clock,
            telemetry=telemetry,
            secrets=secrets,
            recovered=self._recovered,
            silent=self._look,
            trouble=self._trouble,
        )
        self._resolution = Resolution(
            self._ledger,
            conversation,
            self._courier,
            fetch=fetch,
            apply=apply,
            clock=clock,
        )
        self._take_over(send_leftovers=send_leftovers)
        self._tell = changed

    def _take_over(self, *, send_leftovers: bool) -> None:
        """Go on with what an earlier run of the program left over."""
        answering: str | None = None
        for item in self._ledger:
            if item.writes:
                self._ledger.show(item.id)
            if item.state is DeliveryState.QUEUED and item.held and send_leftovers:
                self._ledger.move(item.id, item.state, item.note, held=False)
            elif item.state is DeliveryState.RECEIVED and not item.ended:
                answering = item.id
        if answering is not None:
            self._courier.cut[answering] = None

    # -- looking ----------------------------------------------------------------------------------

    def items(self) -> tuple[OutboxItem, ...]:
        """Return what is not certain to have arrived, and what failed, in order."""
        return tuple(self._ledger.in_state(*_SHOWN))

    @property
    def unsent(self) -> int:
        """Messages of which it is not certain that they arrived."""
        return sum(not item.settled for item in self._ledger)

    async def answered(self, item_id: str) -> OutboxItem:
        """Return when the run that answers a message has ended, or there will be none.

        There will be none for a message that failed, or was given up. One that is unknown is
        waited for: the server may still tell, or the user decide.

        Raises:
            NoSuchMessage: if there is no such message, or it is too long ago.
        """
        while True:
            changed = asyncio.Event()
            item = self._ledger.last_known(item_id)
            if item is None:
                raise NoSuchMessage("There is no such message, or it is too long ago.")
            if item.ended or item.state in (DeliveryState.FAILED, DeliveryState.DISCARDED):
                return item
            await self._wait(changed)

    async def left(self) -> None:
        """Return when nothing waits that could leave on this session; after 10 seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVING):
                while self.about_to_send:
                    await self._wait(asyncio.Event())

    async def _wait(self, changed: asyncio.Event) -> None:
        self._watchers.add(changed)
        try:
            await changed.wait()
        finally:
            self._watchers.discard(changed)

    # -- what the user does -----------------------------------------------------------------------

    async def accept(
        self,
        text: str,
        media: Iterable[str] = (),
        thread_id: str | None = None,
        mcp_headers: Mapping[str, Mapping[str, SecretReference]] | None = None,
    ) -> str:
        """Take a message in; return its id once it is committed.

        Cancelling the call does not take the message back.

        Raises:
            MessageRefused: if it is empty or too large.
            OutboxFull: if too much is waiting already.
            StorageError: if it could not be kept. Nothing was taken in then.
            ConfigurationError: if a header's value is not a :class:`SecretReference`.
        """
        media = tuple(media)
        _check(text, media)
        headers = _references(mcp_headers or {})
        item = await self._whole(self._ledger.accept(text, media, thread_id, headers))
        self._reported = ""
        return item.id

    async def edit(self, item_id: str, text: str) -> None:
        """Change the text of a message that has not been written to any connection yet.

        Raises:
            NoSuchMessage: if there is no such message, or it is too late for that.
            MessageRefused: if the text is empty or too large.
            StorageError: if it could not be kept; the message is as it was.
        """
        item = self._ledger[item_id]
        if item.state is not DeliveryState.QUEUED or item.writes:
            raise NoSuchMessage(f"This message cannot be edited any more. {_NOT_SENT_YET}")
        _check(text, item.media)
        await self._whole(self._ledger.edit(item_id, text))  # it does not leave meanwhile

    async def drop(self, item_id: str) -> None:
        """Take a message out of the queue, or give up one that failed or is unknown.

        Raises:
            NoSuchMessage: if there is no such message, or it is on its way.
            StorageError: if that could not be kept; the message is as it was.
        """
        await self._settle(item_id, DeliveryState.DISCARDED, "Given up.")

    async def discard(self, item_id: str) -> None:
        """Give up a message that is unknown or failed; the same as :meth:`drop`."""
        await self.drop(item_id)

    async def resend(self, item_id: str) -> None:
        """Send a message once more that is unknown or failed.

        An unknown one may arrive twice by that, which is why nobody but the user can want it.

        Raises:
            NoSuchMessage: if there is no such message, or it is not in one of these states.
            StorageError: if that could not be kept; the message is as it was.
        """
        if self._ledger[item_id].state not in (DeliveryState.UNKNOWN, DeliveryState.FAILED):
            raise NoSuchMessage("Only a message that failed or is unknown can be sent again.")
        await self._settle(item_id, DeliveryState.QUEUED, "Sent again.")
        self._telemetry.count(table.OUTBOX_RESEND_COUNT, reason="user")

    async def send_now(self, item_id: str) -> None:
        """Send a queued message before all others, without waiting for the run that goes on.

        Raises:
            NoSuchMessage: if there is no such message, or it is on its way.
            StorageError: if that could not be kept; the message is as it was.
        """
        if self._ledger[item_id].state is not DeliveryState.QUEUED:
            raise NoSuchMessage(f"This message is not in the queue any more. {_NOT_SENT_YET}")
        await self._settle(item_id, DeliveryState.QUEUED, self._ledger[item_id].note)
        with contextlib.suppress(NoSuchMessage):
            self._ledger.reorder(item_id)
            self._courier.send_at_once(item_id)

    async def release(self, item_ids: Iterable[str] | None = None) -> None:
        """Send messages that an earlier run of the program left over.

        They go behind those that were typed since.

        Args:
            item_ids: which; None for all of them.

        Raises:
            StorageError: if that could not be kept; the others are held still.
        """
        held = [item.id for item in self._ledger if item.held]
        wanted = held if item_ids is None else [i for i in item_ids if i in held]
        for item_id in wanted:
            with contextlib.suppress(NoSuchMessage):  # dropped meanwhile
                self._ledger.reorder(item_id, last=True)
                await self._settle(item_id, DeliveryState.QUEUED, "")

    async def _settle(self, item_id: str, state: DeliveryState, note: str) -> None:
        item = self._ledger[item_id]
        if item.state in (DeliveryState.WRITTEN, DeliveryState.RECEIVED):
            raise NoSuchMessage(f"Nothing can be done about this message now. {_NOT_SENT_YET}")
        await self._whole(self._settled(item_id, state, note))

    async def _settled(self, item_id: str, state: DeliveryState, note: str) -> None:
        await self._ledger.commit(item_id, state, note, held=False)
        self._courier.gone(item_id)

    # -- what the session does --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to measure; sending begins with the first session."""
        if self._unobserve is None:
            self._unobserve = self._telemetry.observe(table.OUTBOX_OLDEST_AGE, self._oldest_age)

    @property
    def about_to_send(self) -> bool:
        """Whether there is a session, and a message that is going to leave on it."""
        return self._courier.about_to_send

    @property
    def expecting(self) -> bool:
        """Whether a message is on its way of which the server has given no sign yet."""
        return self._courier.expecting

    def session_ready(self, capabilities: frozenset[str], memory: str) -> None:
        """Messages may be sent; see :meth:`Courier.session_ready`."""
        self._courier.session_ready(capabilities, memory)
        self._look()

    def session_over(self, error: TuiChatError | None) -> None:
        """What was on its way is unknown from now on."""
        self._resolution.stop()
        self._courier.session_over(error)
        self._wake_watchers()

    def frame_received(self, frame: ServerFrame) -> bool:
        """Draw conclusions; True if the frame is about a message only, and shown there."""
        return self._courier.frame_received(frame)

    async def close(self) -> None:
        """Stop sending, and keep what is still to be kept. Idempotent."""
        self._resolution.stop()
        await self._courier.close()
        if self._unobserve is not None:
            self._unobserve()
            self._unobserve = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                if self._accepting:
                    await asyncio.wait(self._accepting)
                await self._record.flush()
        await self._resolution.aclose()

    # -- inside -----------------------------------------------------------------------------------

    def _item_changed(self) -> None:
        self._wake_watchers()
        self._tell()

    def _wake_watchers(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    def _look(self) -> None:
        self._resolution.begin()

    def _recovered(self, item_id: str) -> None:
        self._resolution.complete(item_id)

    def _trouble(self, error: TuiChatError) -> None:
        if error.code != self._reported:  # once, however often it is tried again
            self._reported = error.code
            self._report(error)

    def _oldest_age(self) -> float | None:
        oldest = next((item for item in self._ledger if not item.settled), None)
        return None if oldest is None else max(self._clock.wall() - oldest.created, 0.0)

    async def _whole(self, work: Awaitable[T]) -> T:
        """Do something that must not be left half done when the caller is cancelled.

        The courier looks afterwards whether there is something to send, whoever waits for it.
        """
        task = asyncio.ensure_future(work)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        task.add_done_callback(_seen)
        task.add_done_callback(lambda _: self._courier.wake())
        return await asyncio.shield(task)


def _nobody() -> None:
    pass


def _seen(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # the caller may be gone


def _check(text: str, media: tuple[str, ...]) -> None:
    if not text.strip() and not media:
        raise MessageRefused("The message is empty.", code="EMPTY")
    size = len(encode(ChatMessage(text, list(media))))
    if size > MAX_FRAME_BYTES:
        raise MessageRefused(
            f"The message has {size / 2**20:.0f} MiB; at most {MAX_FRAME_BYTES // 2**20} MiB can "
            "be sent.",
            advice="Send it in parts, or as a file.",
            code="TOO_LARGE",
        )


def _references(
    headers: Mapping[str, Mapping[str, SecretReference]],
) -> Mapping[str, Mapping[str, SecretReference]]:
    for values in headers.values():
        if not all(isinstance(value, SecretReference) for value in values.values()):
            raise ConfigurationError(
                "The value of an MCP header was given itself, and would be stored with the "
                "message.",
                advice="Give SecretReference(name), and a function that looks it up.",
                code="PLAIN_SECRET",
            )
    return headers
