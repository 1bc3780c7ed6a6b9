"""Text that is copied: logical lines, no gutters, code as it was written."""

from __future__ import annotations

import random

import pytest

from tui_chat.app.transcript.column import Anchor
from tui_chat.app.transcript.copying import (
    CodeBlockText,
    code_blocks,
    markdown_source,
    message_text,
    selected_text,
)
from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.marks import UNICODE
from tui_chat.conversation.model import Message, MessageKind, MessageState, ToolCall

EVERYTHING = """\
# Head

para with **bold** and a [link](https://x.example)
second source line\\
hard break

- one
  - two
    ```py
    \tx = 1
    ```

3. [x] done
4. plain

> quote
> more

| a | b |
|---|---|
| c | d |

---

```make
all:
\tgcc
```

    indented
"""


def entry(
    text: str, kind: MessageKind = MessageKind.ASSISTANT, *, streaming: bool = False
) -> Entry:
    state = MessageState.STREAMING if streaming else MessageState.COMPLETE
    return Entry(Message(1, kind, 1.0, [text], state=state), None, UNICODE)


def test_a_message_as_it_is_shown() -> None:
    assert message_text(entry(EVERYTHING)) == (
        "Head\n\n"
        "para with bold and a link (https://x.example) second source line\n"
        "hard break\n\n"
        "• one\n  ◦ two\n    x = 1\n\n"
        "3. ☑ done\n4. plain\n\n"
        "quote more\n\n"
        "a | b\nc | d\n\n"
        "---\n\n"
        "all:\n\tgcc\n\n"
        "indented"
    )


def test_the_source_is_what_came_but_for_what_cannot_be_seen() -> None:
    assert markdown_source(entry(EVERYTHING)) == EVERYTHING
    assert markdown_source(entry("a\x1b[8mb\u202e")) == "a␛[8mb<U+202E>"
    assert message_text(entry("a\x1b[8mb\u202e", MessageKind.USER)) == "a␛[8mb<U+202E>"


def test_blocks_of_code_keep_their_tabs_and_their_language() -> None:
    assert code_blocks(entry(EVERYTHING)) == [
        CodeBlockText("py", "    x = 1"),
        CodeBlockText("make", "all:\n\tgcc"),
        CodeBlockText("", "indented"),
    ]
    assert code_blocks(entry("no code `here`")) == []
    assert code_blocks(entry(EVERYTHING, MessageKind.USER)) == []


def test_a_fence_that_is_still_open() -> None:
    assert code_blocks(entry("text\n\n```sh\nls\npwd", streaming=True)) == [
        CodeBlockText("sh", "ls\npwd")
    ]


LONG = {
    "words": " ".join(f"word{number}" for number in range(3000)),
    "no blanks": "x" * 20_000,
    "wide": "日本語" * 5_000,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
@pytest.mark.parametrize("kind", [MessageKind.ASSISTANT, MessageKind.USER, MessageKind.SYSTEM])
def test_a_line_that_was_cut_into_pieces_is_one_line_again(text: str, kind: MessageKind) -> None:
    assert message_text(entry(text, kind)) == text


def test_a_paragraph_of_many_source_lines_is_one_line() -> None:
    lines = [" ".join(f"w{line}.{word}" for word in range(20)) for line in range(300)]
    assert message_text(entry("\n".join(lines))) == " ".join(lines)
    assert message_text(entry("\n".join(lines), MessageKind.USER)) == "\n".join(lines)


@pytest.mark.parametrize("seed", range(20))
def test_code_of_any_length_comes_out_as_it_went_in(seed: int) -> None:
    source = random.Random(seed)
    code = "\n".join(
        "\t" * source.randrange(3) + "ab日;" * source.choice([0, 1, 5, 30, 2000])
        for _ in range(source.randrange(1, 130))
    )
    code = f"{code}\nend"
    message = entry(f"before\n\n~~~js\n{code}\n~~~\n\nafter")
    assert code_blocks(message) == [CodeBlockText("js", code)]
    assert message_text(message) == f"before\n\n{code}\n\nafter"


def parsed(message: Entry) -> list[bool]:
    return [piece.lines is not None for piece in message.pieces or ()]


def test_copying_leaves_a_message_as_it_was() -> None:
    message = entry(EVERYTHING)
    message_text(message)
    assert not parsed(message)
    message.open(40, 1.0)
    message.rows(3)
    before = parsed(message)
    assert True in before
    assert False in before
    message_text(message)
    code_blocks(message)
    assert parsed(message) == before


def test_what_arrives_while_it_is_copied_is_not_copied() -> None:
    message = entry("one\n\ntwo\n\n", streaming=True)
    message.open(40, 1.0)
    parts = selected_text([message], Anchor(0, 0, 0, 0), Anchor(1, 0, 0, 0))
    first = next(parts)
    message.append("three\n\nfour")
    message.open(40, 1.0)
    assert first + "".join(parts) == "Assistant\none\n\ntwo"


def test_part_of_a_line_of_code_has_blanks_for_tabs() -> None:
    message = entry("```make\nall:\n\tgcc -O2\n```")
    message.open(40, 1.0)
    line = Anchor(0, 1, 2, 0)
    found = selected_text([message], line, line._replace(character=7))
    assert "".join(found) == "    gcc"
    found = selected_text([message], line, line._replace(character=99))
    assert "".join(found) == "\tgcc -O2"


def test_a_selection_that_begins_within_an_item_has_no_bullet() -> None:
    message = entry("- alpha\n- beta")
    message.open(40, 1.0)
    found = selected_text([message], Anchor(0, 1, 0, 2), Anchor(0, 1, 1, 4))
    assert "".join(found) == "pha\n• beta"


def test_a_folded_thought_is_copied_whole() -> None:
    thought = entry("first\n\nsecond", MessageKind.REASONING)
    thought.fold = True
    thought.open(40, 1.0)
    assert message_text(thought) == "first\n\nsecond"
    found = selected_text([thought], Anchor(0, 0, 0, 0), Anchor(1, 0, 0, 0))
    assert "first" not in "".join(found), "what is folded away was not selected"


def test_a_tool_call_is_copied_with_arguments_and_result() -> None:
    tool = ToolCall("c1", "read_file", "server", {"path": "/a"}, {"size": 3})
    call = Entry(Message(1, MessageKind.TOOL, 1.0, [], tool=tool), None, UNICODE)
    assert message_text(call) == 'Arguments\n{\n  "path": "/a"\n}\nResult\n{\n  "size": 3\n}'
