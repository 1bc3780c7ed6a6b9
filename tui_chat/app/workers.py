"""The client's thread: an event loop of its own with the ticket manager and the connection in it.

It runs as a Textual thread worker. The reason is measured: when a terminal stops reading, Textual's
whole event loop stands still, and pongs, renewals and what is still to be sent must not. The other
way round, heavy rendering cannot delay the network.

The screen's side calls the methods of :class:`ClientWorker`, which return at once; answers come
back as messages (:mod:`tui_chat.app.messages`), posted with ``post_message``, which is thread-safe.
At most one batch of events is in flight: the next one is posted when the screen has acknowledged
the one before, and until then everything is merged in a :class:`~tui_chat.app.mailbox.Mailbox`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app import messages
from tui_chat.app.aftermath import cancel_leftovers, crash_sentence, mistake_sentence
from tui_chat.app.archive import Archive, NoArchive, Notice, OpenArchive
from tui_chat.app.bindings import key_of
from tui_chat.app.client_port import ChatClient, ClientFactory, default_client
from tui_chat.app.mailbox import Mailbox
from tui_chat.app.settings import ChatSettings
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.events import ChatEvent

__all__ = ["ClientWorker"]

FRAME: Final = 0.033
"""Seconds between two batches, so that a flood of deltas becomes thirty repaints a second."""

GOODBYE: Final = 1.2
"""Seconds that disconnecting may take at the end, and keeping what is still to be kept as well."""

_STARTING: Final = "The client is still starting, so nothing was sent. Try again in a moment."
_NOT_KEPT: Final = "Nothing can be kept on this machine, because of a mistake in the program itself"
_NOT_RUNNING: Final = "The client is not running, so nothing was sent. Quit and start again."

Post = Callable[[messages.ClientMessage], object]


class ClientWorker:
    """One client in one thread.

    Args:
        settings: where to connect, and as whom.
        post: hands a message to the application; called from the client's thread.
        client_factory: makes the client; called in the client's thread.
        tools: makes the client tools that are offered to the server; likewise.
        open_archive: opens what is kept from one start to the next; likewise.

    Attributes:
        done: set when the thread has ended.
        unsent: messages of which it is not certain that they arrived.
        lasting: whether those are kept for the next start.
        ephemeral: whether the user has to know that nothing is kept.
    """

    def __init__(
        self,
        settings: ChatSettings,
        post: Post,
        *,
        client_factory: ClientFactory = default_client,
        tools: Callable[[], Sequence[Any]] = tuple,
        open_archive: OpenArchive | None = None,
    ) -> None:
        self._settings = settings
        self._post_message = post
        self._client_factory = client_factory
        self._tools = tools
        self._open_archive = open_archive
        self._archive: Archive = NoArchive()
        self._mailbox = Mailbox()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: ChatClient | None = None
        self._starting = threading.Lock()
        self._early: list[tuple[int, str]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._listing: asyncio.Task[None] | None = None
        self._stopping = threading.Event()
        self.done = threading.Event()
        self.unsent = 0
        self.lasting = False
        self.ephemeral = False

    # -- the screen's side: any thread, returns at once -------------------------------------------

    def send(self, number: int, text: str) -> None:
        """Send a message; ``SendAccepted`` or ``SendRefused`` with this number is the answer."""
        with self._starting:
            if self._loop is None and not self._stopping.is_set() and not self.done.is_set():
                self._early.append((number, text))
                return
        if not self._submit(self._send(number, text)):
            self._post(messages.SendRefused(number, self._why_not()))

    def stop_run(self) -> None:
        """Stop the running reply; ``CommandFailed`` if that is not possible."""
        self._command("stop the reply", lambda client: client.stop_run())

    def reconnect(self) -> None:
        """Connect now; ``CommandFailed`` if that is not possible."""
        self._command("reconnect", _reconnect)

    def edit(self, item_id: str, text: str) -> None:
        """Change a queued message; ``CommandFailed`` if that is not possible."""
        self._command("edit the message", lambda client: client.delivery.edit(item_id, text))

    def drop(self, item_id: str) -> None:
        """Take a message out of the queue, or give it up; likewise."""
        self._command("drop the message", lambda client: client.delivery.drop(item_id))

    discard = drop

    def send_now(self, item_id: str) -> None:
        """Send a queued message before all others; likewise."""
        self._command("send the message", lambda client: client.delivery.send_now(item_id))

    def resend(self, item_id: str) -> None:
        """Send a message once more that is unknown or failed; likewise."""
        self._command("send the message again", lambda client: client.delivery.resend(item_id))

    def release(self, item_ids: tuple[str, ...] | None = None) -> None:
        """Send what an earlier run of the program left over; likewise."""
        self._command("send the messages", lambda client: client.delivery.release(item_ids))

    def save_draft(self, text: str) -> None:
        """Keep what stands in the prompt."""
        self._call(lambda: self._archive.save_draft(text))

    def request_conversations(self, words: str = "") -> None:
        """Ask which conversations there are, and where they hold some words.

        ``ConversationsListed`` is the answer. A later request takes the place of an earlier one.
        """

        def begin() -> None:
            if self._listing is not None:
                self._listing.cancel()
            self._listing = asyncio.create_task(self._list(words), name="conversations")

        self._call(begin)

    def request_debug_info(self) -> None:
        """Ask for a snapshot; ``DebugInfoArrived`` is the answer."""
        if not self._submit(self._debug_info()):
            self._post(messages.DebugInfoArrived(None))

    def keep_frames(self, *, on: bool) -> None:
        """Keep what wire frames hold, masked, for the debug info, or forget it."""

        def keep() -> None:
            if self._client is not None:
                self._client.keep_frames(on=on)

        self._call(keep)

    def acknowledge(self) -> None:
        """Say that the latest batch has been dealt with."""
        self._call(self._free.set)

    def stop(self) -> None:
        """Disconnect and end the thread; :attr:`done` is set when it has ended."""
        self._stopping.set()
        self._call(self._wake)

    def _wake(self) -> None:
        self._stop.set()

    def _call(self, function: Callable[[], object]) -> bool:
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # closed in between
            return False
        return True

    def _submit(self, work: Coroutine[Any, Any, None]) -> bool:
        loop = self._loop
        if loop is None or self._stopping.is_set():
            work.close()
            return False
        try:
            asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:
            work.close()
            return False
        return True

    def _why_not(self) -> str:
        ended = self.done.is_set() or self._stopping.is_set()
        return _NOT_RUNNING if ended else _STARTING

    def _command(self, what: str, action: Callable[[ChatClient], Coroutine[Any, Any, Any]]) -> None:
        if not self._submit(self._carry_out(what, action)):
            self._post(messages.CommandFailed(self._why_not()))

    # -- the thread -------------------------------------------------------------------------------

    def run(self) -> None:
        """Be the thread: connect, serve, and return once stopped. Never raises."""
        # Not asyncio.run: its end waits without limit for threads that resolve host names.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._main())
        except Exception as error:  # noqa: BLE001 - whatever it was, the user has to be told
            self._post(messages.ClientFailed(crash_sentence(error)))
        finally:
            self._loop = None
            cancel_leftovers(loop)
            loop.close()
            self.done.set()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        self._dirty = asyncio.Event()
        self._free = asyncio.Event()
        self._free.set()
        self._begun = asyncio.Event()
        with self._starting:
            self._loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return
        for number, text in self._early:  # typed before there was a loop
            sending = asyncio.create_task(self._send(number, text), name="early message")
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        archive = await self._begin()
        client = self._client = self._client_factory(archive.record)
        self._show_kept(client, archive)
        events = client.events()  # from here on: nothing that start() causes is missed
        tasks = [
            asyncio.create_task(self._read(events), name="client events"),
            asyncio.create_task(self._deliver(client), name="client batches"),
            asyncio.create_task(self._stop.wait(), name="client stop"),
        ]
        try:
            self._start(client)
            self._begun.set()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not self._stop.is_set():
                for task in tasks:
                    if task.done():
                        task.result()
                raise RuntimeError("the client's events came to an end")
        finally:
            for task in tasks:
                task.cancel()
            with suppress(Exception):  # the end comes anyway
                async with asyncio.timeout(GOODBYE):
                    await client.disconnect()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.unsent = client.delivery.unsent
            with suppress(Exception):
                async with asyncio.timeout(GOODBYE):
                    await archive.aclose()

    async def _begin(self) -> Archive:
        """Open what is kept. A failure is told, and costs the keeping, not the chat."""
        if self._open_archive is not None:
            try:
                self._archive = await self._open_archive(self._say)
            except Exception as error:  # noqa: BLE001 - whatever it was, chatting must be possible
                sentence = crash_sentence(error) if isinstance(error, TuiChatError) else ""
                self._say((sentence or f"{_NOT_KEPT} ({type(error).__name__}).", "STORAGE"))
        self.lasting = self._archive.lasting
        self.ephemeral = self._open_archive is not None and not self.lasting
        return self._archive

    def _say(self, notice: Notice) -> None:
        """Pass on what has to be said about what is kept. Any thread."""
        sentence, code = one_line(notice[0], 500), one_line(notice[1], 60)

        def put() -> None:
            self._mailbox.put_storage(messages.StorageNoticed(sentence, code))
            self._dirty.set()

        self._call(put)

    def _show_kept(self, client: ChatClient, archive: Archive) -> None:
        """Let the screen begin where it was left."""
        if archive.record.messages:
            self._mailbox.put_reset()
            self._dirty.set()
        if items := client.delivery.items():
            self._mailbox.put_outbox(messages.OutboxChanged(items))
            self._dirty.set()
        if archive.draft:
            self._post(messages.DraftRestored(archive.draft))
        if archive.prompts:
            self._post(messages.PromptsLoaded(tuple(archive.prompts)))

    def _start(self, client: ChatClient) -> None:
        settings = self._settings
        client.start(
            chat_server_url=settings.server_url,
            user_mp_auth_token=settings.token,
            chat_server_key=settings.key,
            user_id=settings.user_id,
            entity_id=settings.entity_id,
            entity_type=settings.entity_type,
            tools=self._tools(),
            allow_plaintext=settings.allow_plaintext,
        )

    async def _read(self, events: AsyncIterator[ChatEvent]) -> None:
        from tui_chat.app.translate import put  # noqa: PLC0415 - slow imports, this thread's

        async for event in events:
            put(self._mailbox, event)
            self._dirty.set()

    async def _deliver(self, client: ChatClient) -> None:
        while True:
            await self._dirty.wait()
            await self._free.wait()
            self._dirty.clear()
            self._free.clear()
            snapshot = None
            if self._mailbox.needs_snapshot:  # events were lost: states are read afresh as well
                snapshot = client.snapshot()
                status = client.get_connection_status()
                self._mailbox.put_connection(messages.ConnectionChanged(status))
            for message in self._mailbox.take(snapshot):
                self._post(message)
            self._post(messages.BatchDelivered())
            await asyncio.sleep(FRAME)

    async def _send(self, number: int, text: str) -> None:
        await self._begun.wait()
        try:
            await self._ready_client().on_trigger_message(text)
        except TuiChatError as error:
            self._post(messages.SendRefused(number, one_line(str(error), 300)))
        except Exception as error:  # noqa: BLE001 - the text must not be lost over it
            self._post(messages.SendRefused(number, mistake_sentence("send the message", error)))
        else:
            self._post(messages.SendAccepted(number))
            with suppress(TuiChatError):  # it is in the conversation in any case
                await self._archive.add_prompt(text)

    async def _carry_out(
        self, what: str, action: Callable[[ChatClient], Coroutine[Any, Any, Any]]
    ) -> None:
        try:
            await action(self._ready_client())
        except TuiChatError as error:
            self._post(messages.CommandFailed(one_line(str(error), 300)))
        except Exception as error:  # noqa: BLE001 - a key press must not end the thread
            self._post(messages.CommandFailed(mistake_sentence(what, error)))

    async def _list(self, words: str) -> None:
        archive = self._archive
        answer = messages.ConversationsListed(words, archive.conversation_id)
        try:
            answer.conversations = tuple(await archive.conversations())
            answer.hits = tuple(await archive.search(words)) if words else ()
        except Exception as error:  # noqa: BLE001 - an overlay must not end the thread
            answer.problem = (
                one_line(str(error), 300)
                if isinstance(error, TuiChatError)
                else mistake_sentence("read what is kept", error)
            )
        self._post(answer)

    async def _debug_info(self) -> None:
        try:
            info = self._ready_client().get_debug_info()
        except Exception as error:  # noqa: BLE001 - an overlay must not end the thread
            self._post(messages.CommandFailed(mistake_sentence("read the debug info", error)))
            self._post(messages.DebugInfoArrived(None))
        else:
            self._post(messages.DebugInfoArrived(info))

    def _ready_client(self) -> ChatClient:
        if self._client is None:
            raise TuiChatError(_STARTING)
        return self._client

    def _post(self, message: messages.ClientMessage) -> None:
        # The application's loop may be closed already; then nobody wants to know.
        with suppress(RuntimeError):
            self._post_message(message)


async def _reconnect(client: ChatClient) -> None:
    # Not reconnect(): that waits until the session is ready, and impatient keys would pile up.
    if not client.reconnect_now() and client.get_connection_status().state == "paused":
        again = key_of("reconnect")
        raise TuiChatError(f"The server is to be left alone for now. {again} again tries anyway.")
