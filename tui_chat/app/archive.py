"""What the application keeps from one start to the next. Lives in the client's thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from tui_chat.app.bindings import key_of
from tui_chat.app.settings import Wish
from tui_chat.app.slash import sent
from tui_chat.conversation.model import MessageKind
from tui_chat.delivery.record import ConversationRecord, MemoryRecord
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.settings import ChatSettings
    from tui_chat.storage import (
        ConversationSummary,
        Scope,
        SearchHit,
        Store,
        StoredConversation,
    )

__all__ = [
    "Archive",
    "ArchiveOpener",
    "NoArchive",
    "Notice",
    "OpenArchive",
    "StoredArchive",
]

Notice = tuple[str, str]
"""A sentence for people, and a code."""


class Archive(Protocol):
    """Where the conversation, the draft and the prompts of one application are kept."""

    record: ConversationRecord
    draft: str
    """What stood in the prompt when the program ended."""
    prompts: Sequence[str]
    """What was typed before, the latest last."""
    lasting: bool
    """Whether anything of it outlives the program."""
    conversation_id: str
    """Which conversation it is; empty where there is only one."""

    def save_draft(self, text: str) -> None:
        """Keep what stands in the prompt, soon. Never blocks."""

    async def add_prompt(self, text: str) -> None:
        """Remember what was sent, for recalling it."""

    async def conversations(self) -> Sequence[ConversationSummary]:
        """Return the conversations with this server, the latest first."""
        ...

    async def search(self, words: str) -> Sequence[SearchHit]:
        """Return the messages in them that hold these words."""
        ...

    async def aclose(self) -> None:
        """Keep what is still to be kept, and give the conversation up."""


OpenArchive = Callable[[Callable[[Notice], object]], Awaitable[Archive]]
"""Opens the archive; what has to be said about it goes to the callback, then and later."""


class ArchiveOpener(Protocol):
    """Makes what opens the archive of a conversation with a server."""

    def __call__(self, settings: ChatSettings, wish: Wish | None = None, /) -> OpenArchive:
        """Return it.

        Args:
            settings: which server, and on whose behalf.
            wish: which conversation; None for what the command line says.
        """
        ...


class NoArchive:
    """Keeps nothing."""

    def __init__(self) -> None:
        self.record: ConversationRecord = MemoryRecord()
        self.draft = ""
        self.prompts: Sequence[str] = ()
        self.lasting = False
        self.conversation_id = ""

    async def conversations(self) -> Sequence[ConversationSummary]:
        """There are none."""
        return ()

    async def search(self, words: str) -> Sequence[SearchHit]:  # noqa: ARG002 - see the protocol
        """There is nothing to search."""
        return ()

    def save_draft(self, text: str) -> None:
        """Nothing to do."""

    async def add_prompt(self, text: str) -> None:
        """Nothing to do."""

    async def aclose(self) -> None:
        """Nothing to do."""


class StoredArchive:
    """Keeps one conversation in a store.

    Args:
        store: closed along with the archive.
        conversation: claimed for this program.
        prompts: what was typed before.
    """

    def __init__(
        self, store: Store, conversation: StoredConversation, prompts: Sequence[str]
    ) -> None:
        self._store = store
        self._conversation = conversation
        self.record: ConversationRecord = conversation
        self.draft = _unsent_draft(conversation)
        self.prompts = prompts
        self.lasting = store.kind == "file"
        self.conversation_id = conversation.id

    @classmethod
    async def open(
        cls,
        settings: ChatSettings,
        say: Callable[[Notice], object],
        *,
        ephemeral: bool = False,
        wish: Wish = Wish(),  # noqa: B008 - immutable
        retention_days: float | None = None,
    ) -> StoredArchive:
        """Open the store of this user and resume the latest conversation with the server.

        Args:
            settings: which server, and on whose behalf.
            say: told what has to be said about the store, now and later.
            ephemeral: keep everything in memory.
            wish: which conversation.
            retention_days: for how many days unused conversations are kept; None is for ever.
        """
        from tui_chat.protocol.urls import ServerUrl  # noqa: PLC0415 - in the client's thread
        from tui_chat.storage import Retention, Scope, Store  # noqa: PLC0415 - see above

        def notice(found: object) -> None:
            say((getattr(found, "sentence", ""), getattr(found, "code", "")))

        store = await (
            Store.ephemeral(on_notice=notice)
            if ephemeral
            else Store.open(on_notice=notice, retention=Retention(retention_days))
        )
        try:
            scope = Scope(
                str(ServerUrl.parse(settings.server_url)),
                settings.entity_id,
                settings.entity_type,
                settings.user_id,
            )
            conversation = await _claimed(store, scope, wish, say)
            await _tell_of_others(store, scope, conversation, say)
            return cls(store, conversation, await store.prompts())
        except BaseException:
            await store.aclose()
            raise

    async def conversations(self) -> Sequence[ConversationSummary]:
        """Return the conversations with this server, the latest first."""
        return await self._store.conversations(self._conversation.scope)

    async def search(self, words: str) -> Sequence[SearchHit]:
        """Return the messages in them that hold these words."""
        return await self._store.search(self._conversation.scope, words)

    def save_draft(self, text: str) -> None:
        """Keep what stands in the prompt, soon."""
        self._conversation.record_draft(text)

    async def add_prompt(self, text: str) -> None:
        """Remember what was sent."""
        await self._store.add_prompt(text)

    async def aclose(self) -> None:
        """Give the conversation up and close the store."""
        try:
            await self._conversation.release()
        finally:
            await self._store.aclose()


async def _claimed(
    store: Store,
    scope: Scope,
    wish: Wish,
    say: Callable[[Notice], object],
) -> StoredConversation:
    """Claim the conversation that is wanted; without it, begin a new one and say why."""
    from tui_chat.errors import StorageError  # noqa: PLC0415 - in the client's thread

    wanted = wish.wanted
    if wanted is None:
        return await store.resume(scope, fresh=wish.fresh)
    found = [each for each in await store.conversations(scope) if each.id.startswith(wanted)]
    try:
        if len(found) != 1:
            which = "is no" if not found else "is more than one"
            raise StorageError(  # noqa: TRY301 - said like the store's own
                f"There {which} conversation with this server whose id begins with "
                f"{one_line(wanted, 40)!r}.",
                advice="`tui-chat history list` shows the ids.",
            )
        return await store.claim(found[0].id)
    except StorageError as error:
        say((f"{error} This is a new one.", "NOT_OPENED"))
        return await store.resume(scope, fresh=True)


async def _tell_of_others(
    store: Store, scope: Scope, conversation: StoredConversation, say: Callable[[Notice], object]
) -> None:
    """Say what is in conversations that this one does not show."""
    others = [each for each in await store.conversations(scope) if each.id != conversation.id]
    drafts = sum(each.draft and each.open_in is None for each in others)
    latest = max(others, key=lambda each: each.touched, default=None)
    if latest is not None and latest.open_in is not None and not conversation.messages:
        which = f" (process {latest.open_in})" if latest.open_in else ""
        elsewhere = f"Another running tui-chat{which} has the conversation open that was used last."
        say((f"{elsewhere} This is another one.", "OPEN_ELSEWHERE"))
    waiting = sum(
        not item.settled
        for summary, items in await store.outbox(scope)
        if summary.id != conversation.id and not summary.open_in
        for item in items
    )
    way = f"{key_of('conversations')} shows which, and opens it"
    if waiting:
        what = "1 message waits" if waiting == 1 else f"{waiting} messages wait"
        say((f"{what} in another conversation; {way}.", "OTHERS"))
    elif drafts:
        what = "is 1 draft" if drafts == 1 else f"are {drafts} drafts"
        say((f"There {what} in another conversation; {way}.", "OTHERS"))


def _unsent_draft(conversation: StoredConversation) -> str:
    """Return the draft, unless it is what was sent last.

    The program may have been killed after a message was committed and before the prompt was empty:
    the text would stand in the queue and in the prompt.
    """
    draft = conversation.draft
    typed = [item.text for item in conversation.items[-1:]]
    typed += [m.text for m in conversation.messages[-20:] if m.kind is MessageKind.USER][-1:]
    return "" if draft in typed or sent(draft) in typed else draft
