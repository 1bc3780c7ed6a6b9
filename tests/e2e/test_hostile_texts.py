"""Every string that a server can send, hostile, and every byte that the terminal received then."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.catalogue import frames, string_fields
from tests.hostile.terminal_bytes import findings
from tests.hostile.texts import TEXTS, group_count, texts_of_group

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

from tests.hostile.program import watched
from tests.hostile.server import HostileServer

RUN = (
    "chat_event",
    "error",
    "ui_component",
    "tool_call_request",
    "client_tools_updated",
    "heartbeat_ping",
    "heartbeat_ack",
    "messages_persisted",
    "chat_finished",
)
GREETING = ("session_established", "configure_tools", "tools_configured")
LAST = ("thread_created", "chat_error", "authentication_error")
FIELDS = sorted(string_fields())
SHOWN = {
    "ChatError.data.errorCode",
    "ChatError.error",
    "ChatEventFrame.data.args.key",
    "ChatEventFrame.data.delta",
    "ChatEventFrame.data.textDelta",
    "ChatEventFrame.data.toolName",
    "ErrorFrame.data.errorCode",
    "ErrorFrame.error",
    "ToolCallRequest.toolName",
}


def marker(field: str) -> str:
    """Return a mark that stands before a field's text and tells which field it is."""
    return f"f{FIELDS.index(field):02}f"


def fields_of(text: str) -> set[str]:
    return {field for field in FIELDS if marker(field) in text}


def filled(group: int) -> dict[str, list[dict[str, Any]]]:
    """Return all frames with a group of texts in every field; short fields begin differently."""
    texts = texts_of_group(group)

    def fill(field: str) -> str:
        first = FIELDS.index(field) % len(texts)
        return "".join(f"{marker(field)}{text} " for text in texts[first:] + texts[:first])

    return frames(fill)


def test_the_play_sends_every_frame_there_is() -> None:
    assert {*RUN, *GREETING, *LAST} == set(filled(0))
    sent = "".join(str(each) for frame in filled(0).values() for each in frame)
    assert fields_of(sent) == set(FIELDS)


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in {
    "markup", "variation selectors", "combining", "private use", "lines", "link",
    "data link", "forged mark", "CR",
}])  # fmt: skip
def test_the_reader_finds_a_text_that_comes_as_it_is(name: str) -> None:
    text = TEXTS[name].encode("utf-8", "surrogatepass")
    assert findings(b"\x1b[1;31mf01f" + text + b"\x1b[0m"), name


def test_the_reader_takes_what_the_program_sends() -> None:
    assert not findings(b"\x1b[?1049h\x1b[1;1H\x1b[38;2;1;2;3;1mhe\xcc\x81llo\x1b[0m\r\n\x1b[6n")
    assert findings(b"\x1b]52;c;YQ==\x07")
    assert not findings(b"\x1b]52;c;YQ==\x07", copied=True)


async def test_no_field_of_a_frame_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    first = filled(0)
    greeting = [{"type": "session_established"}]
    runs = []
    for group in range(group_count()):
        made = filled(group)
        greeting += [each for kind in GREETING for each in made[kind]]
        runs.append([each for kind in RUN for each in made[kind]])
        # A chat_finished with somebody else's id does not end this run.
        end = {"event": "content-delta", "data": {"delta": f"\n\nend{group}."}}
        runs[-1] += [{"type": "chat_event", **end}, {"type": "chat_finished"}]
    runs.append([each for kind in LAST for each in first[kind]])
    osc = TEXTS["OSC 52"]
    server = HostileServer(
        greeting,
        runs,
        refusal=(f"reason {osc}", {"success": False, "error": f"body {osc}", "code": f"c{osc}"}),
        close_reason=f"closing {osc} {TEXTS['override']}",
    )
    async with server.running():
        environment = {"TUI_CHAT_TOKEN": "a-token", "TUI_CHAT_SERVER_KEY": "a-key"}
        arguments = ("--ephemeral", "--server-url", server.url)
        async with watched(*arguments, environment=environment, home=tmp_path) as program:
            await program.shows("connected")
            for number in range(len(runs)):
                await program.press(f"ask{number}")
                await program.shows(f"ask{number}")
                await program.quiet()
                at = await program.press("\r")
                if number == len(runs) - 1:
                    break
                await program.shows(f"end{number}.", at)
                for _ in range(4):  # back over all of it, page by page
                    await program.press("\x1b[5~")
                    await program.quiet(0.06)
                await program.press("\x1b[1;5F")  # Ctrl+End
            await program.until(lambda: server.refusing)
            await program.quiet(0.5)
            for key, word in (("\x1b[24~", "Debug info"), ("\x1bOP", "")):  # F12, F1
                at = await program.press(key)
                if word:
                    await program.shows(word, at)
                await program.quiet()
                await program.press(key)
                await program.quiet()
            await program.press("\x11")  # Ctrl+Q
        received = bytes(program.received)
    assert server.refusing, "all runs were played"
    found = findings(received)
    named = {str(each): sorted(fields_of(each.before)) for each in found}
    assert not found, "\n".join(f"{names}: {each}" for each, names in list(named.items())[:20])
    # The play is worth something only as far as the texts come to the screen.
    assert fields_of(program.text()) >= SHOWN
