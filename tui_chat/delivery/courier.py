"""Takes messages from the outbox to the server: in order, one run at a time.

The order of things for each message: it is marked as written and that is committed, then it is
handed to the connection. A crash in between leaves a message of which it is not known whether it
arrived, never one that is sent a second time in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from tui_chat.clock import Clock
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import Change, DeliveryState, RunChanged
from tui_chat.delivery.evidence import Evidence, Sign, evidence
from tui_chat.delivery.framing import SecretResolver, frame_of
from tui_chat.delivery.item import OutboxItem
from tui_chat.delivery.ledger import Ledger
from tui_chat.delivery.pause import Patience, Pause
from tui_chat.delivery.refusals import Refusals, too_large
from tui_chat.delivery.session import Session
from tui_chat.errors import MessageRefused, StorageError, TuiChatError
from tui_chat.protocol.client_frames import ChatMessage, ClientFrame
from tui_chat.protocol.server_frames import ServerFrame
from tui_chat.telemetry import Telemetry, table

__all__ = ["Courier"]

NO_SIGN: Final = 60.0
"""Seconds without any sign that the server has a message before it counts as unknown."""
ASK_AGAIN: Final = 3
"""Times a message is repeated on one session to a server that gives no sign of it."""
STORAGE_RETRY: Final = 5.0
"""Seconds until a message that could not be marked as written is tried again."""
BUSY_RETRY: Final = 1.0
"""Seconds until a message is tried again for which the connection had no room."""

_UNSEEN: Final = (DeliveryState.WRITTEN, DeliveryState.UNKNOWN)
_SENT: Final = (*_UNSEEN, DeliveryState.RECEIVED)

_LOST: Final = "The connection was lost before the server gave any sign of it."
_SILENT: Final = "The server has given no sign of it for a minute."


class Courier:
    """Sends what waits in a ledger, and follows each message until its run has ended.

    Args:
        ledger: what waits, and where each message stands.
        conversation: names the thread.
        send: hands a frame to the ready session; raises ``NotConnected`` without one.
        apply: carries out changes of the conversation.
        clock: tells when something may be tried again.
        telemetry: counts what is sent again.
        secrets: looks up what goes into the headers for MCP servers.
        recovered: told that a run has ended whose frames this client did not see.
        silent: told that there is a message of which the server gives no sign.
        trouble: told what keeps messages from being sent, apart from the connection.
    """

    def __init__(
        self,
        ledger: Ledger,
        conversation: Conversation,
        *,
        send: Callable[[ClientFrame], asyncio.Future[None]],
        apply: Callable[[Iterable[Change]], None],
        clock: Clock,
        telemetry: Telemetry,
        secrets: SecretResolver | None,
        recovered: Callable[[str], object],
        silent: Callable[[], object],
        trouble: Callable[[TuiChatError], object],
    ) -> None:
        self._ledger = ledger
        self._conversation = conversation
        self._send_frame = send
        self._apply = apply
        self._telemetry = telemetry
        self._secrets = secrets
        self._recovered = recovered
        self._silent = silent
        self._trouble = trouble
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._awake = asyncio.Event()
        self._patience = Patience(NO_SIGN, self._lose_patience)
        self._pause = Pause(clock, self.wake)
        self._in_flight: list[str] = []
        self._at_once: dict[str, None] = {}
        self._asked: dict[str, int] = {}
        self._hopeless: set[str] = set()
        self._refusals = Refusals()
        self._repeated: set[str] = set()
        self.cut: dict[str, None] = {}
        self.holding = False
        self.expecting = False

    # -- what the others tell ---------------------------------------------------------------------

    def session_ready(self, capabilities: frozenset[str], memory: str) -> None:
        """Messages may be sent from now on.

        Args:
            capabilities: what the server announced.
            memory: which memory of message ids it has; empty where it does not say.
        """
        self._session = Session(capabilities, memory)
        self._asked.clear()
        self._hopeless.clear()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="tui-chat courier")
        self.wake()

    def session_over(self, error: TuiChatError | None) -> None:
        """What was on its way is unknown from now on."""
        self._session = None
        under_way = [item for item in map(self._ledger.get, self._in_flight) if item is not None]
        written = [item for item in under_way if item.state is DeliveryState.WRITTEN]
        refused = too_large(error, written)
        for item in under_way:
            if item.state is DeliveryState.RECEIVED:
                self.cut[item.id] = None
            elif item is refused and item.id not in self._repeated:
                self._ledger.move(item.id, DeliveryState.FAILED, "It is too large for the server.")
            elif item.state is DeliveryState.WRITTEN:
                self._ledger.move(item.id, DeliveryState.UNKNOWN, _LOST)
        self._in_flight.clear()
        self._flight_changed()

    @property
    def about_to_send(self) -> bool:
        """Whether a message is going to leave as soon as nothing is in its way."""
        return self._session is not None and any(
            not item.held for item in self._ledger.in_state(DeliveryState.QUEUED)
        )

    def trusts(self, item: OutboxItem) -> bool:
        """Whether the server of this session can tell a repeat of that message."""
        return self._session is not None and self._session.tells_apart(item)

    def send_at_once(self, item_id: str) -> None:
        """Send a message without waiting for the run before it to end."""
        self._at_once[item_id] = None
        self.wake()

    def gone(self, item_id: str) -> None:
        """The user gave a message up, or wants it sent anew: nothing waits for it any more."""
        self._at_once.pop(item_id, None)
        self.cut.pop(item_id, None)
        if item_id in self._in_flight:
            self._landed(item_id)

    def wake(self) -> None:
        """Look whether there is something to do."""
        self._awake.set()

    async def close(self) -> None:
        """Stop sending. What is on its way then is unknown. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        self.session_over(None)
        self.holding = False
        self._pause.cancel()

    # -- what the server says ---------------------------------------------------------------------

    def frame_received(self, frame: ServerFrame) -> bool:
        """Draw conclusions from a frame; True if it is about a message only, and shown there."""
        found = evidence(frame)
        if found is None:
            return False
        match found.sign:
            case Sign.WORKING:
                self._working(found.item_id)
            case Sign.ENDED:
                self._ended(found.item_id)
            case Sign.PERSISTED:
                self._persisted(found)
            case Sign.REFUSED | Sign.LATER:
                return self._refused(found)
        return False

    def _oldest(self, item_id: str) -> str:
        return item_id or (self._in_flight[0] if self._in_flight else "")

    def _working(self, named: str) -> None:
        session = self._session
        if self.cut and not (named or self._in_flight or session is None or session.identifies):
            # A run goes on that a lost connection had cut: the next message waits for its end.
            self._in_flight.append(next(iter(self.cut)))
            self._apply([RunChanged(True)])
        item = self._ledger.get(self._oldest(named))
        if item is not None and item.state in _UNSEEN:
            self._ledger.move(item.id, DeliveryState.RECEIVED)
            self._flight_changed()

    def _ended(self, named: str) -> None:
        item_id = self._oldest(named)
        item = self._ledger.get(item_id)
        if item is not None and item.state in _SENT:
            self._ledger.move(item_id, DeliveryState.RECEIVED, ended=True)
        if item_id in self.cut:
            del self.cut[item_id]
            self._recovered(item_id)
        if item_id in self._in_flight:
            self._landed(item_id)

    def _persisted(self, found: Evidence) -> None:
        item_id, thread = found.item_id, self._conversation.thread_id
        if not item_id:
            if found.thread and thread and found.thread != thread:
                return
            # Of a message that the server has given no sign of, this would prove nothing.
            received = list(self._ledger.in_state(DeliveryState.RECEIVED))
            ended = [i for i in received if i.ended] or [
                i for i in received if i.id in self._in_flight
            ]
            item_id = ended[0].id if ended else ""
        item = self._ledger.get(item_id)
        if item is not None and item.state in _SENT:
            self._ledger.move(item_id, DeliveryState.PERSISTED, ended=True)
            self._flight_changed()

    def _refused(self, found: Evidence) -> bool:
        item, repeated = self._ledger.get(found.item_id), found.item_id in self._repeated
        refusable = (DeliveryState.WRITTEN, DeliveryState.RECEIVED)[: 1 + repeated]
        if item is None or item.state not in refusable:
            return False
        state, wait = self._refusals.judge(item.id, found, repeated=repeated)
        if item.state is DeliveryState.WRITTEN:
            self._ledger.move(item.id, state, found.note)
        if wait is not None:
            self._telemetry.count(table.OUTBOX_RESEND_COUNT, reason="refused")
            self._pause.extend(wait)
        elif repeated:
            self._hopeless.add(item.id)
            self.cut.pop(item.id, None)
        self._landed(item.id)
        return True

    def _landed(self, item_id: str) -> None:
        """A message is not on its way any more; it need not have been."""
        if item_id in self._in_flight:
            self._in_flight.remove(item_id)
        self._flight_changed()
        running = bool(self._in_flight)
        if running is not self._conversation.running:
            self._apply([RunChanged(running)])
        self.wake()

    def _flight_changed(self) -> None:
        """Set what depends on the oldest message that is on its way."""
        oldest = self._ledger.get(self._in_flight[0]) if self._in_flight else None
        self.expecting = oldest is not None and oldest.state in _UNSEEN
        unseen = oldest is not None and oldest.state is DeliveryState.WRITTEN
        self._patience.begin(oldest.id if oldest is not None and unseen else None)

    def _lose_patience(self, item_id: str) -> None:
        item = self._ledger.move(item_id, DeliveryState.UNKNOWN, _SILENT)
        if item is None:
            return
        asked = self._asked.get(item_id, 0)
        if self.trusts(item) and asked < ASK_AGAIN:
            self._asked[item_id] = asked + 1
            self.send_at_once(item_id)
        else:
            self._silent()

    # -- sending ----------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._awake.wait()
            self._awake.clear()
            while (item := self._next()) is not None:
                await self._send(item)

    def _next(self) -> OutboxItem | None:
        """Return what is to be sent now, if anything."""
        if self._session is None or self._pause.goes_on():
            return None
        for item_id in tuple(self._at_once):
            if self._ledger.being_edited(item_id):
                continue
            item = self._ledger.get(item_id)
            del self._at_once[item_id]
            if item is not None and (
                item.state is DeliveryState.QUEUED or self._may_be_repeated(item)
            ):
                return item
        if self._in_flight or self.holding:
            return None
        unsure = (item for item in self._ledger if self._may_be_repeated(item))
        queued = (i for i in self._ledger.in_state(DeliveryState.QUEUED) if not i.held)
        item = next(unsure, None) or next(queued, None)
        return None if item is None or self._ledger.being_edited(item.id) else item

    def _may_be_repeated(self, item: OutboxItem) -> bool:
        """Whether repeating it does no harm, and says what became of it."""
        asks = item.state is DeliveryState.UNKNOWN or (
            item.state is DeliveryState.RECEIVED and item.id in self.cut
        )
        return asks and item.id not in self._hopeless and self.trusts(item)

    async def _send(self, item: OutboxItem) -> None:
        session, before = self._session, item
        if session is None:
            return
        frame = await self._frame(item, session)
        if frame is None or self._session is not session or self._ledger.get(item.id) != before:
            self.wake()  # it was edited, dropped, or failed meanwhile
            return
        if item.state is not DeliveryState.RECEIVED:
            try:
                await self._ledger.commit(
                    item.id,
                    DeliveryState.WRITTEN,
                    writes=item.writes + 1,
                    identified=session.identifies,
                    memory=session.memory,
                    held=False,
                )
            except StorageError as error:
                self._trouble(error)
                self._pause.extend(STORAGE_RETRY)
                return
            except asyncio.CancelledError:
                self._take_back(before)
                raise
            if self._session is not session:
                self._take_back(before)  # nothing has left this machine
                return
            now = self._ledger.get(item.id)
            if now is None or now.state is not DeliveryState.WRITTEN:
                self.wake()  # a late frame has told meanwhile what became of it
                return
            if before.state is DeliveryState.UNKNOWN:
                self._telemetry.count(table.OUTBOX_RESEND_COUNT, reason="identified")
            self._ledger.show(item.id)
        self._hand_over(before, frame)

    def _hand_over(self, before: OutboxItem, frame: ChatMessage) -> None:
        item_id = before.id
        try:
            self._send_frame(frame)
        except MessageRefused:  # no session any more, or no room on the connection
            self._take_back(before)
            self._pause.extend(BUSY_RETRY)
            return
        except (TypeError, ValueError):
            self._ledger.move(item_id, DeliveryState.FAILED, "It holds what cannot be sent.")
            return
        if before.writes == 0:
            self._telemetry.count(table.MESSAGE_COUNT)
        if item_id not in self._in_flight:
            self._in_flight.append(item_id)
        self._flight_changed()
        if before.state is DeliveryState.QUEUED:
            self._repeated.discard(item_id)  # the user's choice, or the first time
        else:
            self._repeated.add(item_id)
            self.cut[item_id] = None  # what its run said meanwhile has gone elsewhere
        if not self._conversation.running:
            self._apply([RunChanged(True)])

    def _take_back(self, before: OutboxItem) -> None:
        """Nothing was handed over: the message stands where it stood."""
        if before.state is not DeliveryState.RECEIVED:
            now = self._ledger.get(before.id)
            if now is not None and now.state is DeliveryState.WRITTEN:
                self._ledger.move(
                    before.id,
                    before.state,
                    before.note,
                    writes=before.writes if now.message_id is None else now.writes,
                    identified=before.identified,
                    memory=before.memory,
                )
        self.wake()

    async def _frame(self, item: OutboxItem, session: Session) -> ChatMessage | None:
        """Return what goes over the wire; None if that cannot be had."""
        thread_id = self._conversation.thread_id
        try:
            return await frame_of(
                item, thread_id, identified=session.identifies, secrets=self._secrets
            )
        except TuiChatError as error:
            if item.state is DeliveryState.QUEUED:
                self._ledger.move(item.id, DeliveryState.FAILED, str(error))
            else:
                self.cut.pop(item.id, None)
                self._hopeless.add(item.id)
                self._ledger.move(item.id, item.state, str(error))
            return None
