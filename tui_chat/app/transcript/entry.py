"""A message in the transcript: its text in pieces, and the heights of these pieces."""

from __future__ import annotations

from typing import Any, Final

from tui_chat.app.transcript.folding import folds_by_itself, has_more, tool_pieces
from tui_chat.app.transcript.frame import first_prefix, foot_lines, gutter, head_lines
from tui_chat.app.transcript.height_index import HeightIndex
from tui_chat.app.transcript.intake import Intake
from tui_chat.app.transcript.lines import Line
from tui_chat.app.transcript.markdown import read_references
from tui_chat.app.transcript.marks import Marks
from tui_chat.app.transcript.parsing import estimate_piece, parse_piece, plain_pieces
from tui_chat.app.transcript.piece import Piece, PieceKind
from tui_chat.app.transcript.rows import Row, lay_out
from tui_chat.app.transcript.stream import BlockScanner
from tui_chat.conversation.model import (
    DeliveryChanged,
    Message,
    MessageCompleted,
    MessageFinished,
    MessageKind,
    MessageState,
    TextAppended,
    ToolCall,
    ToolUpdated,
)

__all__ = ["Entry", "EntryChange"]

EntryChange = TextAppended | MessageFinished | ToolUpdated | DeliveryChanged | MessageCompleted
"""The changes that are about one message."""

_NONE: Final = HeightIndex()
"""The heights of an entry without pieces; never changed."""
_JOIN: Final = 1024
"""Deltas that are joined into one string while a message streams."""
_MARKDOWN: Final = (MessageKind.ASSISTANT, MessageKind.REASONING)
_TURN: Final = (MessageKind.ASSISTANT, MessageKind.REASONING, MessageKind.TOOL)


class Entry:
    """A message and what was made of it.

    The message handed in is only read: whoever owns it may go on changing it.

    Args:
        message: the message.
        before: the entry above, which decides whether the speaker is named again.
        marks: the symbols in use.
        name: what the other side is called.

    Attributes:
        addressed: whether the keys for a message that may not have arrived are about this one.
        fold: whether the user wants it folded; None if they did not say.
        kept_open: whether it would be folded by now, but somebody is reading it.
        pieces: None until the entry has come near the viewport, or after it was forgotten.
        heights: one for each piece, at ``width``.
    """

    __slots__ = (
        "_characters",
        "_chunks",
        "_complete",
        "_folded",
        "_foot",
        "_intake",
        "_joined",
        "_marks",
        "_measured",
        "_newlines",
        "_pending",
        "_references",
        "_replaced",
        "_scanner",
        "_stable",
        "addressed",
        "code",
        "created",
        "delivery",
        "finished",
        "fold",
        "gap",
        "heights",
        "id",
        "kept_open",
        "kind",
        "name",
        "note",
        "opens_turn",
        "pieces",
        "state",
        "tool",
        "width",
    )

    def __init__(
        self, message: Message, before: Entry | None, marks: Marks, name: str = "Assistant"
    ) -> None:
        self.id = message.id
        self.kind = message.kind
        self.state = message.state
        self.created = message.created
        self.finished = message.finished
        self.tool: ToolCall | None = message.tool
        self.code = message.code
        self.delivery = message.delivery
        self.note = message.note
        self.addressed = False
        self.fold: bool | None = None
        self.kept_open = False
        self.name = name
        self._marks = marks
        self.opens_turn = message.kind in _TURN and (before is None or before.kind not in _TURN)
        follows_tool = before is not None and before.kind is message.kind is MessageKind.TOOL
        self.gap = before is not None and not follows_tool
        self._chunks = list(message.chunks)
        self._characters = sum(map(len, self._chunks))
        self._newlines = sum(chunk.count("\n") for chunk in self._chunks)
        self.pieces: list[Piece] | None = None
        self.heights = _NONE
        self.width = 0
        self._measured = bytearray()
        self._scanner: BlockScanner | None = None
        self._intake: Intake | None = None
        self._pending = 0  # the first chunk that the scanner has not read
        self._joined = 0  # the chunks before this one were joined
        self._complete = False  # everything has been read, and there will be no more
        self._stable = 0  # pieces of text that will not change any more
        self._replaced = False  # the text is another one than the pieces were made from
        self._folded = False  # whether the pieces were made of a folded message
        self._foot: tuple[str, ...] = ()  # what the last piece says, if it is a foot
        self._references: dict[str, Any] = {}

    # -- what the conversation tells --------------------------------------------------------------

    @property
    def streaming(self) -> bool:
        """Whether more may come; a message of the user is whole from the beginning."""
        return self.state is MessageState.STREAMING and self.delivery is None

    @property
    def text(self) -> str:
        """The whole text, as it came."""
        return "".join(self._chunks)

    @property
    def empty(self) -> bool:
        """Whether there is no text."""
        return not self._characters

    @property
    def foldable(self) -> bool:
        """Whether there is anything to fold away."""
        return has_more(self)

    @property
    def folded(self) -> bool:
        """Whether only the first line is shown."""
        return folds_by_itself(self) if self.fold is None else self.fold

    def append(self, text: str) -> None:
        """Record more text."""
        if text:
            self._chunks.append(text)
            self._characters += len(text)
            self._newlines += text.count("\n")

    def finish(self, state: MessageState, at: float) -> None:
        """Record the end."""
        if self.streaming:
            self.state = state
            self.finished = at

    def take(self, change: EntryChange) -> bool:
        """Record a change of the message; False if it changes nothing."""
        match change:
            case TextAppended(_, text):
                if not self.streaming:
                    return False
                self.append(text)
            case MessageFinished(_, state, at):
                self.finish(state, at)
            case ToolUpdated(_, tool, state, at):
                self.tool = tool
                self._replaced = True
                if state is not MessageState.STREAMING:  # also of a call that was cut off before
                    self.state, self.finished = state, at
            case MessageCompleted(_, text, at):
                self._complete_with(text, at)
            case DeliveryChanged(_, delivery, _, note):
                if self.delivery is None or (delivery, note) == (self.delivery, self.note):
                    return False
                self.delivery, self.note = delivery, note
        return True

    def _complete_with(self, text: str, at: float) -> None:
        self._chunks = [text]
        self._characters = len(text)
        self._newlines = text.count("\n")
        self.state, self.finished = MessageState.COMPLETE, at
        # The pieces stay until the next look: they tell what is being read now.
        self._replaced = True

    def seconds(self, now: float) -> float | None:
        """Return how long it took or has taken so far; None when nobody measured it."""
        if self.finished is not None:
            return max(self.finished - self.created, 0.0)
        return max(now - self.created, 0.0) if self.streaming else None

    # -- pieces -----------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """Rows at ``width``, as far as known."""
        return self.heights.total

    def estimate(self, width: int) -> int:
        """Return about how many rows the entry takes, without looking at its text."""
        if self.folded:
            return self.gap + self.opens_turn + 1
        room = max(width - 4, 8)
        head = self.gap + (self.kind is not MessageKind.SYSTEM) + (self.kind is MessageKind.TOOL)
        return max(head + self._characters // room + (self._newlines * 3) // 4 + 1, 1)

    def open(self, width: int, now: float) -> None:
        """Make the pieces, or bring them up to date with text, state and width."""
        if self._replaced or self._folded is not self.folded:
            self.forget()
        if self.pieces is None:
            self._folded = self.folded
            self.pieces = [Piece(PieceKind.FIXED)]
            self._foot = ()
            self._scanner = BlockScanner() if self.kind in _MARKDOWN else None
            self._intake = Intake()
            self._pending = 0
            self._complete = False
            self._stable = 1
            self.heights = HeightIndex()
            self._measured = bytearray()
        if self.width != width or not len(self.heights):
            self.width = width
            for piece in self.pieces:
                piece.rows = None
            self._rebuild(0)
        self._update_text()
        self._update_foot()
        self.update_head(now)

    def forget(self) -> None:
        """Give back the memory of everything that can be made again."""
        self.pieces = None
        self._scanner = self._intake = None
        self.heights = _NONE
        self._measured = bytearray()
        self._references = {}
        self._chunks = ["".join(self._chunks)]
        self._joined = 0
        self._replaced = False

    def update_head(self, now: float) -> int:
        """Make the head anew (it shows states and times); return by how much it grew."""
        if self.pieces is None:
            return 0
        head = self.pieces[0]
        head.lines = head_lines(self, self.seconds(now), self._marks, empty=not self._characters)
        head.rows = None
        return self.measure(0)

    def _update_text(self) -> None:
        """Read what has come since the last time."""
        if self.pieces is None or self._complete or self._folded:
            return
        done = not self.streaming
        closed: list[Piece]
        rest: list[Piece]
        if self.tool is not None:
            closed, rest = list(tool_pieces(self.tool)), []
        elif self._scanner is None:
            closed, rest = list(plain_pieces(self._clean())), []
        else:
            closed, rest = self._scan(self._scanner, done=done)
        if self._scanner is None and not done:
            closed, rest = [], closed
        if done:
            self._complete = True
            self._scanner = None
        first = self._stable
        self.pieces[first:] = [*closed, *rest]
        self._stable = first + len(closed)
        self._rebuild(first)

    def _update_foot(self) -> None:
        """Say under the text how it went; that can change long after the text is complete."""
        if self.pieces is None or not self._complete:
            return
        lines = foot_lines(self, self._marks)
        foot = tuple(line.text for line in lines)
        if foot != self._foot:
            self._foot = foot
            self.pieces[self._stable :] = [Piece(PieceKind.FIXED, lines=lines)] if foot else []
            self._rebuild(self._stable)

    def _scan(self, scanner: BlockScanner, *, done: bool) -> tuple[list[Piece], list[Piece]]:
        """Return the pieces that are new and final, and those that may change."""
        known = len(scanner.references)
        chunks = self._chunks
        intake = self._intake = self._intake or Intake()
        scanner.feed(intake.feed("".join(chunks[self._pending :])))
        self._pending = len(chunks)
        if self._pending - self._joined > _JOIN:
            # Thousands of little strings cost more than the text in them.
            chunks[self._joined :] = ["".join(chunks[self._joined :])]
            self._pending = self._joined = len(chunks)
        if done:
            scanner.feed(intake.finish())
            scanner.finish()
        closed = scanner.take()
        if len(scanner.references) != known:
            self._references = read_references(scanner.references)
            self._forget_links()
        return closed, ([] if done else scanner.preview())

    def _forget_links(self) -> None:
        """A definition came: what looks like a link has to be parsed again."""
        for number, piece in enumerate(self.pieces or ()):
            if "[" in piece.source and piece.kind is not PieceKind.CODE:
                piece.lines = piece.rows = None
                self._measured[number] = 0

    def _clean(self) -> str:
        intake = Intake()
        return intake.feed("".join(self._chunks)) + intake.finish()

    def _rebuild(self, first: int) -> None:
        """Start over with the heights of the pieces from ``first`` on: as estimates."""
        pieces = self.pieces or []
        estimates = [estimate_piece(piece, self.width) for piece in pieces[first:]]
        if first:
            while len(self.heights) > first:
                self.heights.pop()
            for estimate in estimates:
                self.heights.append(estimate)
        else:
            self.heights = HeightIndex(estimates)
        del self._measured[first:]
        self._measured.extend(bytes(len(estimates)))

    # -- rows -------------------------------------------------------------------------------------

    def measured(self, number: int) -> bool:
        """Whether the height of a piece is known and not estimated."""
        return bool(self._measured[number])

    def measure(self, number: int) -> int:
        """Lay out a piece; return by how much it is taller than was thought."""
        self._measured[number] = 1
        return self.heights.set(number, len(self.rows(number)))

    def rows(self, number: int) -> list[Row]:
        """Return the rows of a piece, made if necessary."""
        if self.pieces is None:
            return []
        piece = self.pieces[number]
        if piece.rows is None:
            piece.rows = lay_out(self.lines(number), self.width)
        return piece.rows

    def lines(self, number: int) -> list[Line]:
        """Return the logical lines of a piece, made if necessary."""
        if self.pieces is None:
            return []
        piece = self.pieces[number]
        if piece.lines is None:
            lines = parse_piece(piece, self._references)
            if piece.gap and number > 1 and lines:
                lines.insert(0, Line())
            before, base, fill = gutter(self.kind, self._marks)
            first = first_prefix(self.kind, self._marks) if number == 1 else before
            for at, line in enumerate(lines):
                line.first = (before if at else first) + line.first
                line.rest = before + line.rest
                if base:
                    line.base = f"{base} {line.base}"
                line.fill = line.fill or fill
            piece.lines = lines
        return piece.lines
