"""What the screens say, and how the application begins, bears trouble and ends."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from textual.css.query import NoMatches
from textual.pilot import Pilot

from tests.app_support import (
    BOOT,
    KEY,
    READY,
    SERVER,
    TOKEN,
    FakeClient,
    Stage,
    conversation,
    finish,
    make_stage,
    said,
    started,
    view,
    wait_until,
)
from tests.unit.test_app_keys import demo_settings
from tui_chat.app import messages
from tui_chat.app.countdown import TicketPhase
from tui_chat.app.screens.chat import ChatScreen
from tui_chat.app.screens.debug import DebugScreen
from tui_chat.app.screens.too_small import TooSmallScreen
from tui_chat.app.screens.welcome import WelcomeScreen
from tui_chat.app.workers import ClientWorker
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.conversation.model import MessageKind, TextAppended
from tui_chat.errors import ConfigurationError, CredentialsRejected, NetworkError, TuiChatError
from tui_chat.events import Lagged, ServerNotice
from tui_chat.ticket.events import (
    TicketDropped,
    TicketExpired,
    TicketRenewalFailed,
    TicketRenewed,
    TicketRenewing,
)


def screen_text(stage: Stage) -> str:
    """Return what is on the screen, row by row."""
    width, height = stage.app.size
    rows = stage.app.screen._compositor.render_strips()
    assert len(rows) == height
    assert width
    return "\n".join("".join(segment.text for segment in row) for row in rows)


# -- the beginning --------------------------------------------------------------------------------


async def test_the_client_starts_with_what_the_settings_say() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        options = stage.client.started
        assert options is not None
        assert options["chat_server_url"] == SERVER
        assert options["user_mp_auth_token"].reveal() == TOKEN
        assert options["chat_server_key"].reveal() == KEY
        assert [tool.name for tool in options["tools"]] == ["terminal_info", "local_time"]
        assert stage.chat.prompt.has_focus
    assert stage.client.disconnected


async def test_a_client_that_cannot_start_says_so_and_the_screen_lives() -> None:
    stage = make_stage(FakeClient(start_error=ConfigurationError("The URL is odd.")))
    async with stage.app.run_test() as pilot:
        await wait_until(pilot, lambda: stage.chat.banner.text)
        assert stage.chat.banner.text == "The URL is odd."
        assert "offline" in screen_text(stage)
        await pilot.press("h", "i", "enter")
        await wait_until(pilot, lambda: stage.chat.notice.text)
        assert stage.chat.prompt.text == "hi"


async def test_a_crash_in_the_clients_thread_becomes_a_sentence() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.emit(ValueError("secret canary"))
        await wait_until(pilot, lambda: stage.chat.banner.text)
        assert "ValueError" in stage.chat.banner.text
        assert "canary" not in stage.chat.banner.text
        await pilot.press("f12")
        await wait_until(pilot, lambda: "no client is running" in screen_text(stage))


async def test_the_welcome_screen_tells_both_ways() -> None:
    stage = make_stage(welcome=True)
    async with stage.app.run_test() as pilot:
        await pilot.pause()
        assert isinstance(stage.app.screen, WelcomeScreen)
        shown = screen_text(stage)
        assert "Start the demo" in shown
        assert "--server-url" in shown
        assert "TUI_CHAT_TOKEN" in shown
        assert "TUI_CHAT_SERVER_KEY" in shown


async def test_a_demo_that_does_not_start_says_why_and_can_be_tried_again() -> None:
    answers: list[TuiChatError | None] = [TuiChatError("No port is free."), None]

    def start() -> Any:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return demo_settings()

    stage = make_stage(welcome=True, start_demo=start)
    async with stage.app.run_test() as pilot:
        await pilot.press("d")
        await wait_until(pilot, lambda: "No port is free." in screen_text(stage))
        await pilot.press("d")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        await wait_until(pilot, lambda: "demo · 127.0.0.1:4711" in screen_text(stage))
        await started(pilot, stage)


# -- status ---------------------------------------------------------------------------------------


async def test_the_status_goes_with_the_connection() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(READY)
        await wait_until(pilot, lambda: "● connected · 12 ms" in screen_text(stage))
        assert not stage.chat.banner.display

        lost = ConnectionStatus(
            state=ConnectionState.BACKOFF,
            is_reconnecting=True,
            retry_at=BOOT + 4,
            cause=NetworkError("Nobody answers [at] the server."),
        )
        stage.client.status(lost)
        await wait_until(pilot, lambda: "reconnecting in 4 s" in screen_text(stage))
        assert "Nobody answers [at] the server. Ctrl+R tries now." in screen_text(stage)
        stage.clock.now = 3
        await wait_until(pilot, lambda: "reconnecting in 1 s" in screen_text(stage))

        refused = ConnectionStatus(
            state=ConnectionState.FAILED, cause=CredentialsRejected("The token is not accepted.")
        )
        stage.client.status(refused)
        await wait_until(pilot, lambda: "▲ sign-in needed" in screen_text(stage))
        assert "The token is not accepted." in screen_text(stage)

        stage.client.status(READY)
        await wait_until(pilot, lambda: "connected" in screen_text(stage))
        assert "The token is not accepted." not in screen_text(stage)


async def test_the_first_attempts_are_no_reconnecting() -> None:
    stage = make_stage()
    lost = ConnectionStatus(
        state=ConnectionState.BACKOFF,
        is_reconnecting=True,
        retry_at=BOOT + 4,
        cause=NetworkError("Nobody answers."),
    )
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.status(lost)
        await wait_until(pilot, lambda: "connecting in 4 s" in screen_text(stage))
        assert "reconnecting" not in screen_text(stage)
        stage.client.status(READY)
        await wait_until(pilot, lambda: "connected" in screen_text(stage))
        stage.client.status(lost)
        await wait_until(pilot, lambda: "reconnecting in 4 s" in screen_text(stage))


async def test_the_demo_says_what_to_type_and_what_its_end_means() -> None:
    stage = make_stage(settings=demo_settings())
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await wait_until(pilot, lambda: "Write help below" in screen_text(stage))
        stage.client.status(READY)
        gone = NetworkError("Nobody answers.", code="REFUSED")
        stage.client.status(ConnectionStatus(state=ConnectionState.BACKOFF, cause=gone))
        await wait_until(pilot, lambda: "The demo's own server has ended" in screen_text(stage))
        assert "tui-chat demo" in stage.chat.banner.text
        assert "Ctrl+R tries" not in stage.chat.banner.text


async def test_the_ticket_bar_lives_from_the_messages_and_the_clock() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(100, 24)) as pilot:
        await started(pilot, stage)
        assert "no ticket yet" in screen_text(stage)
        stage.client.ticket(TicketRenewing(1, 3))
        await wait_until(pilot, lambda: "fetching" in screen_text(stage))
        stage.client.ticket(TicketRenewed(view(), 0.045))
        await wait_until(pilot, lambda: "renewed in 45 ms" in screen_text(stage))
        assert "05:00" in screen_text(stage)
        stage.clock.now = 48  # only the clock moves; no message comes
        await wait_until(pilot, lambda: "04:12" in screen_text(stage))
        await wait_until(pilot, lambda: "renews in 02:02" in screen_text(stage))

        stage.client.ticket(TicketRenewing(2, 3))
        await wait_until(pilot, lambda: "renewing, try 2 of 3" in screen_text(stage))
        stage.client.ticket(
            TicketRenewalFailed(NetworkError("No [answer]."), BOOT + 60, final=True)
        )
        await wait_until(pilot, lambda: "next try in 12 s" in screen_text(stage))
        assert "No [answer]." in screen_text(stage)
        stage.client.ticket(TicketRenewed(view(serial=2), 0.1))
        await wait_until(pilot, lambda: "No [answer]." not in screen_text(stage))
        stage.client.ticket(TicketExpired(2))
        await wait_until(pilot, lambda: "expired" in screen_text(stage))
        assert stage.chat.ticket_bar.face.phase is TicketPhase.EXPIRED
        stage.client.ticket(TicketDropped("rejected", 2))
        await wait_until(pilot, lambda: "refused" in screen_text(stage))


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
async def test_the_lines_fit_at_every_width(width: int) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(width, 20)) as pilot:
        await started(pilot, stage)
        stage.client.status(READY)
        stage.client.ticket(TicketRenewed(view(), 0.045))
        await wait_until(pilot, lambda: "connected" in screen_text(stage))
        await wait_until(pilot, lambda: "05:00" in screen_text(stage))
        stage.clock.now = 48
        await wait_until(pilot, lambda: "renews in 02:02" in screen_text(stage))
        assert "04:12" in screen_text(stage)
        assert "F1 help" in screen_text(stage)


async def test_notices_of_the_server_are_plain_text() -> None:
    stage = make_stage()
    async with stage.app.run_test(notifications=True) as pilot:
        await started(pilot, stage)
        stage.client.emit(ServerNotice("[bold]odd[/nothing] \x1b[31m", "E1"))
        await wait_until(pilot, lambda: len(stage.app._notifications) == 1)
        (notice,) = stage.app._notifications
        assert notice.message == "[bold]odd[/nothing] ␛[31m [E1]"
        assert notice.markup is False
        await wait_until(pilot, lambda: "[bold]odd[/nothing]" in screen_text(stage))


# -- the conversation -----------------------------------------------------------------------------


async def test_the_conversation_reaches_the_transcript_and_the_hints_follow_the_run() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.changes(*conversation())
        await wait_until(pilot, lambda: "Looking at it" in screen_text(stage))
        assert "And [bold]this[/bold]?" in screen_text(stage)
        assert "Esc stop" in screen_text(stage)
        stage.client.changes(TextAppended(5, " closely"), *finish(5))
        await wait_until(pilot, lambda: "Looking at it closely" in screen_text(stage))
        await wait_until(pilot, lambda: "Esc stop" not in screen_text(stage))


async def test_a_screen_that_fell_behind_reads_everything_again() -> None:
    stage = make_stage()
    stage.client.messages = (said(1, MessageKind.USER, "From the snapshot"),)
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.client.emit(Lagged(12))
        await wait_until(pilot, lambda: "From the snapshot" in screen_text(stage))
        await wait_until(pilot, lambda: "connected" in screen_text(stage))


async def test_only_one_batch_is_in_flight_while_the_screen_stands_still() -> None:
    """The thread goes on and its backlog stays small when nobody acknowledges."""
    posted: list[messages.ClientMessage] = []
    client = FakeClient()
    worker = ClientWorker(demo_settings(), posted.append, client_factory=lambda _record: client)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        await _until(lambda: client.started is not None)
        for _ in range(3_000):
            client.changes(TextAppended(1, "ab"))
            client.status(READY)
        await _until(lambda: bool(posted))
        await asyncio.to_thread(_settled, client)
        deltas = [m for m in posted if isinstance(m, messages.ConversationChanged)]
        assert len(deltas) == 1
        assert sum(isinstance(m, messages.BatchDelivered) for m in posted) == 1
        worker.acknowledge()
        await _until(lambda: _text(posted) == "ab" * 3_000)
        assert sum(isinstance(m, messages.BatchDelivered) for m in posted) == 2
    finally:
        worker.stop()
        await asyncio.to_thread(thread.join)
    assert worker.done.is_set()
    assert client.disconnected


def _settled(client: FakeClient) -> None:
    """Wait until the client's loop has read all its events."""
    assert client._queue is not None
    while not client._queue.empty():
        time.sleep(0.01)


def _text(posted: list[messages.ClientMessage]) -> str:
    changes = [c for m in posted if isinstance(m, messages.ConversationChanged) for c in m.changes]
    return "".join(c.text for c in changes if isinstance(c, TextAppended))


async def _until(predicate: Any, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not predicate():
            await asyncio.sleep(0.01)


# -- overlays and sizes ---------------------------------------------------------------------------


async def test_too_small_says_so_and_everything_comes_back() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        stage.client.changes(*conversation())
        await pilot.press("h", "i")
        await pilot.resize_terminal(32, 8)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, TooSmallScreen))
        await wait_until(pilot, lambda: "Needs 40x10, has 32x8" in screen_text(stage))
        await pilot.press("x", "f1", "f12", "ctrl+p")
        assert isinstance(stage.app.screen, TooSmallScreen)
        for width, height in ((1, 1), (2, 1), (1, 40), (39, 10), (40, 9)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert isinstance(stage.app.screen, TooSmallScreen)
        await pilot.resize_terminal(40, 10)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))
        assert stage.chat.prompt.text == "hi"
        assert stage.chat.prompt.has_focus
        await pilot.press("!")
        assert stage.chat.prompt.text == "hi!"


async def test_starting_too_small() -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(20, 5)) as pilot:
        await wait_until(pilot, lambda: isinstance(stage.app.screen, TooSmallScreen))
        await started(pilot, stage)
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, ChatScreen))


async def test_an_overlay_survives_a_small_terminal() -> None:
    stage = make_stage()
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        await pilot.press("f12")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, DebugScreen))
        await pilot.resize_terminal(10, 3)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, TooSmallScreen))
        await pilot.resize_terminal(80, 24)
        await wait_until(pilot, lambda: isinstance(stage.app.screen, DebugScreen))


# -- the end --------------------------------------------------------------------------------------


async def test_a_client_that_hangs_does_not_keep_the_application() -> None:
    stage = make_stage(FakeClient(hang_on_disconnect=True))
    begun = 0.0
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        begun = time.monotonic()
    assert time.monotonic() - begun < 3.5
    assert not stage.client.disconnected


async def test_whoever_started_it_hears_of_the_end_before_anything_can_hang() -> None:
    told: list[bool] = []
    stage: Stage = make_stage(leaving=lambda: told.append(stage.app.is_running))
    async with stage.app.run_test() as pilot:
        await started(pilot, stage)
        stage.app.exit()
        assert told == [True], "not when the terminal has been given back"


async def test_an_error_in_the_application_prints_nothing_with_locals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Canary for the private methods of Textual's that are overridden for this."""
    stage = make_stage()

    async def break_it(pilot: Pilot[Any]) -> None:
        await started(pilot, stage)
        secret = TOKEN
        assert secret

        def fail() -> None:
            canary = secret
            raise NoMatches(f"broken {len(canary)}")

        stage.app.call_later(fail)
        await wait_until(pilot, lambda: stage.app.crash is not None)

    with pytest.raises(NoMatches):
        async with stage.app.run_test() as pilot:
            await break_it(pilot)
    assert isinstance(stage.app.crash, NoMatches)
    assert stage.app.died
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err == ""
