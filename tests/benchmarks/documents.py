"""What the screen is made to show: a long conversation, and replies of any length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tui_chat.conversation.model import Message, MessageKind, MessageState, ToolCall

__all__ = ["KINDS", "conversation", "in_deltas", "mixed", "of_kind"]

_BLOCKS: Final = (
    "## A heading of section {n}\n\n",
    "Some *prose* with **weight**, `code` and a [link](https://example.com/{n}), and so on.\n\n",
    "- first point of {n}\n- second point\n  - with a point of its own\n- [ ] a task\n\n",
    "```python\ndef answer_{n}(question: str) -> int:\n    # the usual one\n    return 42\n```\n\n",
    "| name | value | remark |\n|---|---:|---|\n| alpha | {n} | first |\n| beta | 2 | second |\n\n",
    "> A quotation, number {n}, which somebody has to read\n> over two lines.\n\n",
    "1. one\n2. two\n3. three, and {n}\n\n",
    "日本語の文章もあります。幅は二倍です。 {n} 한국어 🙂👍🏽 e\u0301\n\n",
)

KINDS: Final = ("paragraphs", "fence", "list", "table", "CJK")


def mixed(size: int, first: int = 0) -> str:
    """Return a document with a bit of everything, of at least ``size`` characters."""
    parts: list[str] = []
    length, number = 0, first
    while length < size:
        part = _BLOCKS[number % len(_BLOCKS)].format(n=number)
        parts.append(part)
        length += len(part)
        number += 1
    return "".join(parts)


def of_kind(kind: str, size: int) -> str:
    """Return a document of one of :data:`KINDS` only, of about ``size`` characters."""
    match kind:
        case "paragraphs":
            text = "The quick brown fox jumps over a lazy dog, again and again and again. " * 6
            return f"{text}\n\n" * (size // (len(text) + 2))
        case "fence":
            line = "    total = total + weight[index] * value[index]  # one more\n"
            return "```python\n" + line * (size // len(line)) + "```\n"
        case "list":
            line = "- a point that is made, with *some* weight and `code`\n"
            return line * (size // len(line))
        case "table":
            line = "| alpha | 12345 | some remark about it |\n"
            return "| name | value | remark |\n|---|---:|---|\n" + line * (size // len(line))
        case _:
            line = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 4 + "\n\n"
            return line * (size // len(line))


def in_deltas(text: str, size: int = 4) -> Iterator[str]:
    """Yield a text as it streams, ``size`` characters at a time."""
    for start in range(0, len(text), size):
        yield text[start : start + size]


def conversation(count: int) -> list[Message]:
    """Return ``count`` messages of all kinds: questions, thoughts, tool calls, replies."""
    messages: list[Message] = []
    for number in range(1, count + 1):
        match number % 5:
            case 1:
                kind, text = MessageKind.USER, f"Question {number}: what about it?\nIn two lines."
            case 2:
                kind, text = MessageKind.REASONING, f"Let me think about {number}. " * 8
            case 3:
                call = ToolCall(
                    f"call-{number}", "look_up", "server", {"number": number}, {"found": True}
                )
                messages.append(
                    Message(
                        number,
                        MessageKind.TOOL,
                        1.0,
                        finished=2.0,
                        state=MessageState.COMPLETE,
                        tool=call,
                    )
                )
                continue
            case _:
                kind, text = MessageKind.ASSISTANT, mixed(500 + number % 7 * 150, number)
        messages.append(
            Message(number, kind, 1.0, [text], state=MessageState.COMPLETE, finished=2.0)
        )
    return messages
