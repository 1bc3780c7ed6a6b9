"""Links: where they really lead, what may be opened, and the list of them."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from tests.app_support import make_stage, started, wait_until
from tests.unit.test_transcript_selection import Stage, drag
from tests.unit.test_transcript_widget import reply, user
from tui_chat.app.screens.links import LinksScreen
from tui_chat.app.transcript import Transcript
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.lines import Line
from tui_chat.app.transcript.links import Reference, address_of, link_at, references_in
from tui_chat.app.transcript.marks import UNICODE
from tui_chat.conversation.model import Message, MessageAdded, MessageKind


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTP://A.Example:8080/x?y=1#z", "http://a.example:8080/x?y=1#z"),
        ("https://a.example/ä b", "https://a.example/%C3%A4%20b"),
        ("https://\u0430pple.example/", "https://xn--pple-43d.example/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("https://good.example@evil.example/", None),
        ("https://good.example:x@evil.example/", None),
        ("https://good.example\\@evil.example/", None),
        ("https://a.example/\u202egnp", None),
        ("https://a.example/\x1b[31m", None),
        ("https://a.example:99999/", None),
        ("https://a..example/", None),
        ("https://", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("data:text/html,x", None),
        ("mailto:a@b.example", None),
        ("//a.example", None),
        ("a.example", None),
        ("-x", None),
        ("", None),
        ("https://a.example/" + "x" * 5000, None),
        ("http://[::1", None),
    ],
)
def test_what_is_opened(target: str, wanted: str | None) -> None:
    assert address_of(target) == wanted
    assert wanted is None or wanted.isascii()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("see https://a.example/x.", "https://a.example/x"),
        ("(https://a.example/x_(y))", "https://a.example/x_(y)"),
        ("<https://a.example>", "https://a.example"),
        ("„https://a.example/?q=1&r=2“,", None),
        ("HTTPS://A.EXAMPLE!", "HTTPS://A.EXAMPLE"),
        ("no link here://", None),
    ],
)
def test_bare_addresses(text: str, wanted: str | None) -> None:
    line = Line(text)
    found = {link.target for at in range(len(text)) if (link := link_at(line, at)) is not None}
    if wanted is None:
        assert all(address.startswith("https://a.example/?q=1&r=2") for address in found)
    else:
        assert found == {wanted}


def entry(text: str, kind: MessageKind = MessageKind.ASSISTANT) -> Entry:
    return Entry(Message(1, kind, 1.0, [text]), None, UNICODE)


def test_links_of_a_message() -> None:
    message = entry(
        "[the *site*](https://a.example/x) and <https://b.example> and https://c.example/.\n\n"
        "![pic](https://d.example/p.png) [bad](ftp://x.example) [ref][1] https://c.example/\n\n"
        "| x | y |\n|---|---|\n| one | [cell](https://e.example) |\n\n"
        "[1]: https://f.example"
    )
    assert [(link.label, link.address) for link in references_in(message)] == [
        ("the site", "https://a.example/x"),
        ("https://b.example", "https://b.example"),
        ("https://c.example/", "https://c.example/"),
        ("pic", "https://d.example/p.png"),
        ("bad", None),
        ("ref", "https://f.example"),
        ("cell", "https://e.example"),
    ]
    assert [link.honest for link in references_in(message)] == [
        False, True, True, False, False, False, False,
    ]  # fmt: skip
    plain = entry("look at https://a.example", MessageKind.USER)
    assert references_in(plain) == [Reference.of("https://a.example", "https://a.example")]


def test_letters_that_look_alike_are_never_honest() -> None:
    link = Reference.of("https://\u0430pple.example", "https://\u0430pple.example")
    assert not link.honest
    assert link.address == "https://xn--pple-43d.example"


class LinkStage(Stage):
    def __init__(self, *texts: str) -> None:
        super().__init__(reply(number, text) for number, text in enumerate(texts, 1))
        self.links: list[Reference] = []

    def on_transcript_link_chosen(self, event: Transcript.LinkChosen) -> None:
        self.links.append(event.link)


async def test_a_click_on_a_link_in_any_of_its_rows() -> None:
    app = LinkStage("go [to this place with a long name](https://a.example/with/a/path) now")
    async with app.run_test(size=(30, 12)) as pilot:
        for word in ("to this", "name", "path"):
            await pilot.click(Transcript, offset=app.find(word))
        await pilot.click(Transcript, offset=app.find("go"))
        await pilot.click(Transcript, offset=app.find("now"))
        wanted = Reference.of("to this place with a long name", "https://a.example/with/a/path")
        assert app.links == [wanted] * 3


async def test_a_click_on_a_link_in_a_table() -> None:
    app = LinkStage("| a | b |\n|---|---|\n| 日本日本 | [x](https://e.example) |\n")
    async with app.run_test(size=(50, 12)) as pilot:
        await pilot.click(Transcript, offset=app.find("(https"))
        assert [link.target for link in app.links] == ["https://e.example"]


async def click(pilot: Pilot[Any], x: int, y: int) -> None:
    shown = pilot.app.query_one(Transcript)
    shown.post_message(
        events.Click(
            shown, x=x, y=y, delta_x=0, delta_y=0, button=1, shift=False, meta=False, ctrl=False,
            screen_x=x, screen_y=y,
        )
    )  # fmt: skip
    await pilot.pause()


async def test_a_drag_over_a_link_opens_nothing() -> None:
    app = LinkStage("https://a.example/x")
    async with app.run_test(size=(50, 12)) as pilot:
        x, y = app.find("https")
        await drag(pilot, (x, y), (x + 7, y))
        await click(pilot, x + 7, y)  # a terminal's mouse ends in one
        assert app.chosen == "https://"
        assert not app.links
        await click(pilot, x + 7, y)
        assert len(app.links) == 1


async def test_hovering_underlines_the_link_and_leaving_ends_it() -> None:
    app = LinkStage("go to https://a.example/x and on")
    async with app.run_test(size=(50, 12)) as pilot:
        x, y = app.find("https")

        def underlined() -> str:
            row = app.transcript.render_line(y)
            return "".join(s.text for s in row if s.style is not None and s.style.underline)

        assert underlined() == ""
        await pilot.hover(Transcript, offset=(x + 3, y))
        assert underlined() == "https://a.example/x"
        await pilot.hover(Transcript, offset=(x - 2, y))
        assert underlined() == ""
        await pilot.hover(Transcript, offset=(x, y))
        await pilot.hover("Input")
        assert underlined() == ""


async def test_nothing_of_a_link_reaches_the_style_of_a_row() -> None:
    app = LinkStage("[x](https://a.example) [y](javascript:alert) https://b.example")
    async with app.run_test(size=(70, 12)):
        for y in range(app.transcript.size.height):
            for segment in app.transcript.render_line(y):
                assert segment.style is None or (not segment.style.link and not segment.style.meta)


# -- in the application ---------------------------------------------------------------------------


async def test_the_list_of_links_opens_and_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = make_stage()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await started(pilot, stage)
        opened: list[str] = []
        copied: list[str] = []
        monkeypatch.setattr(stage.app, "open_link", opened.append)
        monkeypatch.setattr(stage.app, "copy", lambda text, what="": copied.append(str(text)))
        await wait_until(pilot, lambda: stage.chat.transcript is not None)
        transcript = stage.chat.transcript
        assert transcript is not None
        text = "[bank](https://evil.example) and [x](ftp://y.example) and https://b.example"
        transcript.apply([MessageAdded(user(1, "q")), MessageAdded(reply(2, text))])
        transcript.flush()
        await pilot.press("alt+l")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))
        screen = stage.app.screen
        assert isinstance(screen, LinksScreen)
        shown = [prompt.plain for _, prompt in screen._shown]
        assert shown == [
            "bank\ngoes to https://evil.example",
            "x\ngoes to ftp://y.example",
            "https://b.example",
        ]
        await pilot.press("down", "enter")
        assert isinstance(stage.app.screen, LinksScreen), "nothing that a browser could open"
        assert not opened
        await pilot.press("y")
        assert copied == ["ftp://y.example"]
        await pilot.press("alt+l")
        await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))
        await pilot.press("enter")
        await wait_until(pilot, lambda: opened == ["https://evil.example"])

        # With the mouse: an honest link at once, another one after its target was shown.
        rows = [transcript.render_line(y).text for y in range(transcript.size.height)]
        y = next(y for y, row in enumerate(rows) if "b.example" in row)
        await pilot.click(Transcript, offset=(rows[y].index("https://b.example"), y))
        await wait_until(pilot, lambda: opened == ["https://evil.example", "https://b.example"])
        await pilot.click(Transcript, offset=(rows[y].index("bank"), y))
        await wait_until(pilot, lambda: isinstance(stage.app.screen, LinksScreen))
        assert len(opened) == 2
        await pilot.press("escape")
        await wait_until(pilot, lambda: stage.app.screen is stage.chat)
        assert len(opened) == 2
