"""The parts of the application that need no screen."""

from __future__ import annotations

import io
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from textual._xterm_parser import XTermParser
from textual.events import Key

from tests.app_support import BOOT, READY, view
from tui_chat.app import messages
from tui_chat.app.bindings import REGISTRY, Scope, bindings_for, display
from tui_chat.app.causes import explain_outage
from tui_chat.app.countdown import TicketCountdown, TicketPhase
from tui_chat.app.glyphs import ASCII, UNICODE, glyphs_for
from tui_chat.app.mailbox import MAX_CHANGES, MAX_NOTICES, Mailbox
from tui_chat.app.paths import style_sheet, styles_folder
from tui_chat.app.plain_output import write_plain
from tui_chat.app.screens.help import help_sections
from tui_chat.app.spans import clock_face, milliseconds, rough, seconds_left
from tui_chat.app.widgets import prompt
from tui_chat.app.widgets.one_line import cut
from tui_chat.app.widgets.status_bar import connection_face, host_of
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.conversation.model import MessageFinished, MessageState, RunChanged, TextAppended
from tui_chat.errors import (
    ConfigurationError,
    CredentialsRejected,
    NetworkError,
    TuiChatError,
)

# -- spans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "00:00"),
        (-5, "00:00"),
        (math.nan, "00:00"),
        (0.1, "00:01"),
        (59.2, "01:00"),
        (252, "04:12"),
        (3852, "1:04:12"),
        (90_000, "1d 01h"),
        (math.inf, "1000d 00h"),
    ],
)
def test_clock_face(seconds: float, shown: str) -> None:
    assert clock_face(seconds) == shown


def test_spans_in_sentences() -> None:
    assert [rough(s) for s in (3.2, 89, 90, 600, 7200)] == ["4 s", "89 s", "2 min", "10 min", "2 h"]
    assert [milliseconds(s) for s in (0.0004, 0.012, 1.25, -1)] == [
        "0.4 ms",
        "12 ms",
        "1.2 s",
        "0.0 ms",
    ]
    assert seconds_left(-math.inf) == 0


# -- the countdown --------------------------------------------------------------------------------


def test_countdown_from_nothing_to_expiry() -> None:
    countdown = TicketCountdown()
    assert countdown.face(BOOT).phase is TicketPhase.NONE
    countdown.renewing(1, 3)
    assert (countdown.face(BOOT).phase, countdown.face(BOOT).note) == ("renewing", "fetching")
    countdown.renewing(2, 3)
    assert countdown.face(BOOT).note == "fetching, try 2 of 3"

    countdown.renewed(view(), 0.045, BOOT)
    face = countdown.face(BOOT)
    assert (face.phase, face.time, face.share) == (TicketPhase.RENEWED, "05:00", 1.0)
    assert face.note == "renewed in 45 ms"

    face = countdown.face(BOOT + 100)
    assert (face.phase, face.time, face.note) == (TicketPhase.VALID, "03:20", "renews in 01:10")
    assert face.share == pytest.approx(2 / 3)
    assert face.renew_share == pytest.approx(130 / 300)
    assert countdown.face(BOOT + 171).note == "renewal is due"
    assert countdown.face(BOOT + 171).renew_share is None

    # The clock alone is enough: no message has to say that time is up.
    face = countdown.face(BOOT + 300)
    assert (face.phase, face.time, face.share) == (TicketPhase.EXPIRED, "00:00", 0.0)


def test_countdown_tells_a_failed_try_from_a_failed_renewal() -> None:
    countdown = TicketCountdown()
    countdown.renewed(view(), 0.1, BOOT)
    countdown.renewing(1, 3)
    countdown.failed("No answer.", BOOT + 14, final=False)
    assert countdown.face(BOOT + 10).note == "not renewed, next try in 4 s"
    assert countdown.failure == ""
    countdown.renewing(2, 3)
    assert countdown.face(BOOT + 14).note == "renewing, try 2 of 3"
    countdown.failed("No answer.", None, final=True)
    face = countdown.face(BOOT + 15)
    assert (face.phase, face.note) == (TicketPhase.FAILED, "not renewed")
    assert face.time == "04:45", "the ticket in hand goes on counting"
    assert countdown.failure == "No answer."
    countdown.renewed(view(serial=2), 0.1, BOOT + 16)
    assert countdown.failure == ""


def test_countdown_ignores_news_of_older_tickets() -> None:
    countdown = TicketCountdown()
    countdown.renewed(view(serial=2), 0.1, BOOT)
    countdown.gone("rejected", 1)
    countdown.expired(1)
    assert countdown.face(BOOT + 10).phase is TicketPhase.VALID
    countdown.gone("leased", 2)
    face = countdown.face(BOOT + 10)
    assert (face.phase, face.time) == (TicketPhase.NONE, "")
    assert "one-time" in face.note


def test_a_renewal_that_was_thrown_away_does_not_stay_on_the_bar() -> None:
    countdown = TicketCountdown()
    countdown.renewing(1, 3)
    countdown.gone("cleared", None)
    assert countdown.face(BOOT).phase is TicketPhase.NONE


def test_countdown_wakes_with_the_second_and_faster_for_short_tickets() -> None:
    countdown = TicketCountdown()
    assert countdown.next_change(BOOT, 40) == 1.0
    countdown.renewed(view(), 0.1, BOOT)
    assert countdown.next_change(BOOT + 0.25, 40) == pytest.approx(0.75)
    countdown.renewed(view(lifetime=10.0, deadline=BOOT + 10), 0.1, BOOT)
    assert countdown.next_change(BOOT, 40) == pytest.approx(0.25)
    countdown.renewed(view(lifetime=1.0, deadline=BOOT + 1), 0.1, BOOT)
    assert countdown.next_change(BOOT, 40) == pytest.approx(0.1), "never a busy loop"


# -- the mailbox ----------------------------------------------------------------------------------


def _kinds(batch: list[messages.ClientMessage]) -> list[str]:
    return [type(message).__name__ for message in batch]


def test_mailbox_merges_consecutive_text_only() -> None:
    mailbox = Mailbox()
    mailbox.put_changes((TextAppended(1, "a"), TextAppended(1, "b")))
    mailbox.put_changes((TextAppended(1, "c"), TextAppended(2, "x"), TextAppended(1, "d")))
    end = MessageFinished(1, MessageState.COMPLETE, 5.0)
    mailbox.put_changes((end, RunChanged(running=False)))
    (changed,) = mailbox.take()
    assert isinstance(changed, messages.ConversationChanged)
    assert changed.changes == (
        TextAppended(1, "abc"),
        TextAppended(2, "x"),
        TextAppended(1, "d"),
        end,
        RunChanged(running=False),
    )
    assert not mailbox
    assert mailbox.take() == []


def test_mailbox_stays_small_while_nobody_looks() -> None:
    mailbox = Mailbox()
    for number in range(50_000):
        mailbox.put_changes((TextAppended(1, "ab"),))
        mailbox.put_connection(messages.ConnectionChanged(READY))
        mailbox.put_ticket(messages.TicketRenewing(1, 3))
        mailbox.put_notice(messages.ServerNotice(f"notice {number}", "CODE"))
        mailbox.put_ignored()
    batch = mailbox.take()
    assert len(batch) == 1 + 1 + 1 + MAX_NOTICES + 1
    changed = next(m for m in batch if isinstance(m, messages.ConversationChanged))
    assert changed.changes == (TextAppended(1, "ab" * 50_000),)
    notices = [m for m in batch if isinstance(m, messages.ServerNotice)]
    assert notices[-1].text == "notice 49999"
    assert notices[-1].more == 50_000 - MAX_NOTICES
    ignored = next(m for m in batch if isinstance(m, messages.FrameIgnored))
    assert ignored.count == 50_000


def test_mailbox_asks_for_a_snapshot_when_too_much_has_changed() -> None:
    mailbox = Mailbox()
    for number in range(MAX_CHANGES + 10):
        mailbox.put_changes((MessageFinished(number, MessageState.COMPLETE, 1.0),))
    assert mailbox.needs_snapshot
    mailbox.put_changes((TextAppended(1, "kept in the snapshot already"),))
    (reset,) = mailbox.take(())
    assert isinstance(reset, messages.ConversationReset)
    assert not mailbox.needs_snapshot


def test_a_fresh_ticket_makes_older_ticket_news_moot() -> None:
    mailbox = Mailbox()
    mailbox.put_ticket(messages.TicketRenewing(1, 3))
    mailbox.put_ticket(messages.TicketRenewalFailed("No.", None, final=True))
    mailbox.put_ticket(messages.TicketRenewed(view(), 0.1))
    mailbox.put_ticket(messages.TicketRenewing(1, 3))
    assert _kinds(mailbox.take()) == ["TicketRenewed", "TicketRenewing"]


# -- keys -----------------------------------------------------------------------------------------


def test_no_key_means_two_things_in_one_place() -> None:
    together = [
        (Scope.PROMPT, Scope.CHAT, Scope.APP),
        (Scope.WELCOME, Scope.APP),
        (Scope.OVERLAY, Scope.APP),
    ]
    for scopes in together:
        keys = [key for c in REGISTRY if c.scope in scopes for key in c.keys]
        assert len(keys) == len(set(keys)), scopes
    ids = [command.id for command in REGISTRY]
    assert len(ids) == len(set(ids))


def test_bindings_and_help_are_made_from_the_registry() -> None:
    bound = {(b.key, b.action) for scope in Scope for b in bindings_for(scope)}
    assert bound == {(k, c.action) for c in REGISTRY for k in c.keys or (f"none-{c.id}",)}
    shown = "\n".join(f"{keys} {text}" for _, rows in help_sections() for keys, text in rows)
    for command in REGISTRY:
        assert command.help in shown
        assert all(display(key) in shown for key in command.keys)


def _parsed(sequence: str) -> list[str]:
    parser = XTermParser()
    found = [*parser.feed(sequence), *parser.feed("")]
    return [event.key for event in found if isinstance(event, Key)]


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\x1b\r", "alt+enter"),  # what legacy terminals send for Alt+Enter
        ("\x1b[13;2u", "shift+enter"),  # the extended key protocols
        ("\x1b[13;3u", "alt+enter"),
        ("\x1c", "ctrl+backslash"),
        ("\x1b[92;5u", "ctrl+backslash"),
        ("\x1b[1;5F", "ctrl+end"),
        ("\x1b[24~", "f12"),
        ("\x1bOP", "f1"),
    ],
)
def test_what_terminals_send_is_what_the_registry_names(sequence: str, key: str) -> None:
    assert prompt.Prompt is not None  # importing it is what teaches Textual ESC CR
    assert _parsed(sequence) == [key]
    assert any(key in command.keys for command in REGISTRY)


# -- where the styles are -------------------------------------------------------------------------


def _sheet(folder: Path) -> Path:
    folder.mkdir(parents=True)
    sheet = folder / "app.tcss"
    sheet.write_text("Screen {}", "utf-8")
    return sheet


def test_a_checkout_uses_its_own_styles_even_if_a_stale_copy_is_inside(tmp_path: Path) -> None:
    package = tmp_path / "tui_chat"
    _sheet(package / "styles")
    beside = _sheet(tmp_path / "styles")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tui-chat"\n', "utf-8")
    assert style_sheet("app", package) == beside


def test_an_installed_package_uses_the_styles_inside_it(tmp_path: Path) -> None:
    package = tmp_path / "tui_chat"
    inside = _sheet(package / "styles")
    _sheet(tmp_path / "styles")  # somebody else's folder
    assert style_sheet("app", package) == inside
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "something-else"\n', "utf-8")
    assert styles_folder(package) == inside.parent


def test_missing_styles_are_an_error_people_can_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Install tui-chat again"):
        styles_folder(tmp_path / "tui_chat")
    (tmp_path / "tui_chat" / "styles").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="Install tui-chat again"):
        style_sheet("app", tmp_path / "tui_chat")


# -- small things ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "plain"),
    [("utf-8", False), ("UTF8", False), ("iso8859-1", True), ("ascii", True), (None, True)],
)
def test_glyphs_follow_the_encoding(encoding: str | None, plain: bool) -> None:
    stream = SimpleNamespace(encoding=encoding)
    assert glyphs_for(stream, {}).ascii is plain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("locale", "plain"),
    [
        ("", False),
        ("LANG=en_US.UTF-8", False),
        ("LANG=C.UTF-8", False),
        ("LANG=de_DE.utf8", False),
        ("LANG=en_US", False),
        ("LC_ALL=C", True),
        ("LC_ALL=POSIX LANG=en_US.UTF-8", True),
        ("LANG=C", True),
        ("LANG=C LC_CTYPE=C.UTF-8", True),  # as Python leaves it behind, PEP 538
        ("LANG=C LC_CTYPE=en_US.UTF-8", False),
        ("LC_CTYPE=UTF-8", False),  # as macOS sets it
        ("LC_CTYPE=C LANG=en_US.UTF-8", True),
        ("LANG=en_US.ISO-8859-1", True),
        ("LANG=de_DE.ISO-8859-15@euro", True),
        ("LANG=C LC_ALL=C.UTF-8", False),
    ],
)
def test_glyphs_follow_the_locale(locale: str, plain: bool) -> None:
    """Python writes UTF-8 under ``C`` too, so the stream's encoding tells nothing there."""
    environment = dict(pair.split("=") for pair in locale.split())
    stream = SimpleNamespace(encoding="utf-8")
    assert glyphs_for(stream, environment).ascii is plain  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "|+-+ caf? ??? and so on. x"),
        ("ascii", "|+-+ caf? ??? and so on. x"),
        ("iso8859-1", "|+-+ café ??? and so on. x"),
    ],
)
def test_plain_output_keeps_the_columns(encoding: str, shown: str) -> None:
    memory = io.BytesIO()
    stream = io.TextIOWrapper(memory, encoding=encoding)
    write_plain(stream)
    text = "│╭─╮ café 漢☃ and so on… x"
    stream.write(text)
    stream.flush()
    written = memory.getvalue().decode("iso8859-1" if encoding == "iso8859-1" else "ascii")
    assert written == shown
    assert cell_len(written) == cell_len(text)
    stream.detach()


def test_every_glyph_is_one_column_and_the_plain_ones_are_ascii() -> None:
    for name in UNICODE._fields:
        if name != "ascii":
            assert cell_len(getattr(UNICODE, name)) == 1
            assert getattr(ASCII, name).isascii()


def test_cut_counts_columns() -> None:
    assert cut("short", 5) == "short"
    assert cut("longer", 5) == "long…"
    assert cell_len(cut("日本語のテキスト", 6)) <= 6
    assert cut("anything", 0) == ""


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ConnectionStatus(), "starting"),
        (ConnectionStatus(state=ConnectionState.TICKET), "connecting"),
        (ConnectionStatus(state=ConnectionState.CONNECTING, is_reconnecting=True), "reconnecting"),
        (READY, "connected · 12 ms"),
        (ConnectionStatus(state=ConnectionState.BACKOFF, retry_at=BOOT + 4), "reconnecting in 4 s"),
        (ConnectionStatus(state=ConnectionState.BACKOFF, retry_at=BOOT), "reconnecting"),
        (ConnectionStatus(state=ConnectionState.PAUSED, retry_at=BOOT + 600), "paused for 10 min"),
        (
            ConnectionStatus(state=ConnectionState.FAILED, cause=CredentialsRejected("No.")),
            "sign-in needed",
        ),
        (ConnectionStatus(state=ConnectionState.FAILED, cause=NetworkError("No.")), "stopped"),
        (ConnectionStatus(state=ConnectionState.CLOSED), "offline"),
    ],
)
def test_every_connection_state_has_words(status: ConnectionStatus, words: str) -> None:
    face = connection_face(status, BOOT, UNICODE)
    assert face.words == words
    assert face.glyph
    assert face.style


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ConnectionStatus(state=ConnectionState.TICKET, is_reconnecting=True), "connecting"),
        (ConnectionStatus(state=ConnectionState.CONNECTING, reconnect_attempts=4), "connecting"),
        (ConnectionStatus(state=ConnectionState.BACKOFF, retry_at=BOOT + 4), "connecting in 4 s"),
    ],
)
def test_nobody_reconnects_who_never_was_connected(status: ConnectionStatus, words: str) -> None:
    assert connection_face(status, BOOT, UNICODE, known=False).words == words


NOBODY = NetworkError("Nobody answers.")
REFUSED = CredentialsRejected("The token is not accepted.", advice="Sign in again.")


@pytest.mark.parametrize(
    ("state", "cause", "demo", "words"),
    [
        (ConnectionState.READY, NOBODY, False, ""),
        (ConnectionState.CONNECTING, None, False, ""),
        (ConnectionState.BACKOFF, NOBODY, False, "Nobody answers. Ctrl+R tries now."),
        (ConnectionState.CONNECTING, NOBODY, False, "Nobody answers."),
        (ConnectionState.PAUSED, NOBODY, False, "Nobody answers. Ctrl+R twice tries anyway."),
        (ConnectionState.FAILED, NOBODY, False, "Nobody answers. Ctrl+R tries again."),
        (
            ConnectionState.FAILED,
            REFUSED,
            False,
            (
                "The token is not accepted. Quit with Ctrl+Q, set TUI_CHAT_TOKEN and "
                "TUI_CHAT_SERVER_KEY to valid ones, and start again."
            ),
        ),
        (
            ConnectionState.BACKOFF,
            NOBODY,
            True,
            (
                "The demo's own server has ended, and nothing starts it again. Quit with Ctrl+Q, "
                "then start 'tui-chat demo' anew."
            ),
        ),
        (
            ConnectionState.BACKOFF,
            NetworkError("It broke.", reached=True),
            True,
            "It broke. Ctrl+R tries now.",
        ),
    ],
)
def test_an_outage_is_explained_with_what_helps(
    state: ConnectionState, cause: TuiChatError | None, demo: bool, words: str
) -> None:
    status = ConnectionStatus(state=state, cause=cause)
    assert explain_outage(status, demo=demo) == words


def test_host_of_shows_no_credentials_and_no_control_characters() -> None:
    assert host_of("https://chat.example.com:8443/base?x=1") == "chat.example.com:8443"
    assert host_of("https://user:secret@h/") == "h"
    assert "\x1b" not in host_of("https://h\x1b[31m/")
    assert host_of("http://[broken") == ""
