"""What a thread's history proves, in cases thought out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tui_chat.conversation.model import DeliveryState, Message, MessageKind
from tui_chat.delivery.history import Finding, History, arrived, question, replies
from tui_chat.delivery.item import OutboxItem
from tui_chat.protocol.history import HistoryMessage, HistoryPage

PERSISTED = DeliveryState.PERSISTED
RECEIVED = DeliveryState.RECEIVED
UNKNOWN = DeliveryState.UNKNOWN
DISCARDED = DeliveryState.DISCARDED
FAILED = DeliveryState.FAILED

Sent = tuple[str, DeliveryState]


def messages_of(sent: Sequence[Sent]) -> list[Message]:
    return [
        Message(number, MessageKind.USER, 0.0, [text], outbox_id=f"id{number}", delivery=state)
        for number, (text, state) in enumerate(sent, 1)
    ]


def items_of(sent: Sequence[Sent], *, writes: int = 1) -> list[OutboxItem]:
    return [
        OutboxItem(
            id=f"id{number}",
            position=number,
            text=text,
            created=0.0,
            state=state,
            writes=writes,
            message_id=number,
        )
        for number, (text, state) in enumerate(sent, 1)
        if state not in (PERSISTED, DISCARDED)
    ]


def history_of(*texts: str | tuple[str, str], before: str | None = None) -> History:
    """A history of the user's texts, some of them with an id, and an answer to each."""
    entries = []
    for number, text in enumerate(texts):
        content, client_id = (text, "") if isinstance(text, str) else text
        entries.append(HistoryMessage(f"q{number}", "user", content, client_message_id=client_id))
        entries.append(HistoryMessage(f"a{number}", "assistant", "yes"))
    return History(tuple(entries), before=before)


def find(sent: Sequence[Sent], history: History, *, began_here: bool = False) -> Finding:
    return arrived(history, items_of(sent), messages_of(sent), began_here=began_here)


def found(
    sent: Sequence[Sent], *texts: str | tuple[str, str], began_here: bool = False
) -> set[str]:
    return set(find(sent, history_of(*texts), began_here=began_here).arrived)


# -- by text --------------------------------------------------------------------------------------


def test_the_same_text_after_the_last_stored_message_is_proof() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert find(sent, history_of("one", "two")) == Finding(frozenset({"id2"}), True, "enough")


def test_not_being_there_proves_nothing() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert find(sent, history_of("one")) == Finding(frozenset(), False, "enough")


def test_the_same_text_before_the_last_stored_message_is_none() -> None:
    assert found([("one", PERSISTED), ("two", UNKNOWN)], "two", "one") == set()


def test_the_same_text_once_is_the_stored_one_and_twice_is_both() -> None:
    sent = [("go on", PERSISTED), ("yes", PERSISTED), ("yes", UNKNOWN)]
    assert found(sent, "go on", "yes") == set()
    assert found(sent, "go on", "yes", "yes") == {"id3"}


def test_a_message_that_is_being_answered_may_be_the_one_that_is_stored() -> None:
    sent = [("one", PERSISTED), ("yes", RECEIVED), ("yes", UNKNOWN)]
    assert found(sent, "one", "yes") == set()
    assert found(sent, "one", "yes", "yes") == {"id3"}


def test_one_of_two_equal_ones_could_be_either() -> None:
    sent = [("one", PERSISTED), ("yes", UNKNOWN), ("yes", UNKNOWN)]
    assert found(sent, "one", "yes") == set()
    assert found(sent, "one", "yes", "yes") == {"id2", "id3"}


def test_an_unknown_one_before_a_stored_one_is_found_too() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN), ("three", PERSISTED)]
    assert found(sent, "one", "two", "three") == {"id2"}
    assert found(sent, "one", "three", "two") == set()


@pytest.mark.parametrize("state", [DISCARDED, FAILED])
def test_what_was_given_up_may_have_been_taken(state: DeliveryState) -> None:
    sent = [("one", PERSISTED), ("yes", state), ("yes", UNKNOWN)]
    assert found(sent, "one", "yes") == set()
    assert found(sent, "one", "yes", "yes") == {"id3"}


def test_what_was_sent_twice_may_be_stored_twice() -> None:
    sent = [("one", PERSISTED), ("yes", RECEIVED), ("yes", UNKNOWN)]
    history = history_of("one", "yes", "yes")
    items = items_of(sent, writes=2)
    items[1] = items_of(sent)[1]
    assert not arrived(history, items, messages_of(sent)).arrived
    assert not arrived(history, items_of(sent), messages_of(sent), repeated={"id2"}).arrived
    # One that was sent twice itself is proven by either.
    sent = [("one", PERSISTED), ("yes", UNKNOWN)]
    for stored in (["one", "yes"], ["one", "yes", "yes"]):
        finding = arrived(history_of(*stored), items_of(sent, writes=2), messages_of(sent))
        assert finding.arrived == {"id2"}


def test_other_texts_from_elsewhere_do_no_harm() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert found(sent, "old", "one", "from the phone", "two", "more") == {"id2"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("a \ud83d", "a \ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("  two\n", "two"),
        ("a\r\nb", "a\nb"),
        ("a\x00b", "ab"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_what_servers_do_to_text(ours: str, theirs: str) -> None:
    assert found([("one", PERSISTED), (ours, UNKNOWN)], "one", theirs) == {"id2"}
    # The changed text of a stored message is that message's, not another one's.
    assert found([(ours, PERSISTED), (theirs, UNKNOWN)], theirs) == set()


# -- where nothing may be concluded ----------------------------------------------------------------


def test_nothing_without_the_last_stored_message() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert find(sent, history_of("two", before="q0")) == Finding(frozenset(), False, "older")
    assert find(sent, history_of("two")) == Finding(frozenset(), False, "none")
    assert find(sent, history_of("one", "two", before="q0")).arrived == {"id2"}


def test_a_server_that_forgot_proves_nothing() -> None:
    sent = [("one", PERSISTED), ("two", PERSISTED), ("three", UNKNOWN)]
    assert found(sent, "one", "three") == set()


def test_a_thread_of_before_proves_nothing_without_a_stored_message() -> None:
    sent = [("one", UNKNOWN)]
    assert find(sent, history_of("one", before="q0")) == Finding(frozenset(), False, "none")


def test_a_thread_that_began_here_is_counted_from_its_start() -> None:
    assert found([("one", UNKNOWN)], "one", began_here=True) == {"id1"}
    assert found([("yes", RECEIVED), ("yes", UNKNOWN)], "yes", began_here=True) == set()
    assert found([("yes", RECEIVED), ("yes", UNKNOWN)], "yes", "yes", began_here=True) == {"id2"}


def test_where_the_thread_began_decides_between_old_and_new() -> None:
    sent = [("yes", PERSISTED), ("yes", UNKNOWN)]
    assert found(sent, "yes", "yes") == set()  # the first may be older than the conversation
    assert found(sent, "yes", "yes", began_here=True) == {"id2"}


def test_an_item_that_is_not_in_the_conversation_yet() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    finding = arrived(history_of("one", "two"), items_of(sent), messages_of(sent)[:1])
    assert finding.arrived == {"id2"}


# -- by id ----------------------------------------------------------------------------------------


def test_an_id_is_proof_by_itself() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert find(sent, history_of(("changed", "id2"), before="q0")) == Finding(
        frozenset({"id2"}), True, "enough"
    )


def test_another_id_is_proof_of_nothing_else() -> None:
    sent = [("one", PERSISTED), ("two", UNKNOWN)]
    assert found(sent, "one", ("two", "somebody's")) == set()
    assert found(sent, "one", ("two", "somebody's"), "two") == {"id2"}
    sent = [("one", PERSISTED), ("two", UNKNOWN), ("two", UNKNOWN)]
    assert found(sent, "one", ("two", "id3")) == {"id3"}


# -- questions and replies ------------------------------------------------------------------------


def entry_of(sent: Sequence[Sent], history: History, number: int) -> str | None:
    entry = question(history, number, items_of(sent), messages_of(sent))
    return None if entry is None else entry.id


def test_a_question_is_found_where_it_can_be_nothing_else() -> None:
    sent = [("one", PERSISTED), ("yes", PERSISTED), ("yes", RECEIVED)]
    assert entry_of(sent, history_of("yes", "one", "yes"), 2) == "q2"
    assert entry_of(sent, history_of("yes", "one", "yes"), 3) is None
    assert entry_of(sent, history_of("one", "yes", "yes"), 3) == "q2"
    assert entry_of(sent, history_of("one", "yes", "yes"), 2) == "q1"
    assert entry_of(sent, history_of("one", "yes", "yes"), 99) is None
    sent = [("one", PERSISTED), ("yes", UNKNOWN), ("yes", UNKNOWN)]
    assert entry_of(sent, history_of("one", "yes"), 2) is None


def test_a_question_is_found_by_its_id() -> None:
    sent = [("one", PERSISTED), ("yes", RECEIVED)]
    assert entry_of(sent, history_of(("yes", "id2"), ("yes", "other")), 2) == "q0"


def test_the_replies_end_with_the_next_question() -> None:
    first, second = HistoryMessage("1", "user", "a"), HistoryMessage("3", "user", "a")
    answer = HistoryMessage("2", "assistant", "b")
    history = History((first, answer, second))
    assert replies(history, first) == (answer,)
    assert replies(history, second) == ()
    assert replies(history, HistoryMessage("9", "user", "not there")) == ()


# -- pages ----------------------------------------------------------------------------------------


def page_of(*ids: str) -> HistoryPage:
    return HistoryPage(tuple(HistoryMessage(number, "user", number) for number in ids))


def test_pages_are_put_together_from_the_end() -> None:
    history = History.of(page_of("3", "4"))
    assert (history.before, history.whole) == ("3", False)
    history = history.with_older(page_of("1", "2"))
    assert [m.id for m in history.messages] == ["1", "2", "3", "4"]
    assert history.before == "1"
    history = history.with_older(page_of())
    assert [m.id for m in history.messages] == ["1", "2", "3", "4"]
    assert (history.before, history.whole) == (None, True)
    assert History.of(page_of()).whole


def test_a_server_that_does_not_page_gives_the_same_again() -> None:
    history = History.of(page_of("3", "4")).with_older(page_of("3", "4", "5"))
    assert [m.id for m in history.messages] == ["3", "4"]
    assert (history.before, history.whole) == (None, False)


def test_pages_that_overlap_give_every_entry_once() -> None:
    history = History.of(page_of("3", "4")).with_older(page_of("1", "2", "3"))
    assert [m.id for m in history.messages] == ["1", "2", "3", "4"]


def test_entries_without_an_id_end_the_looking_back() -> None:
    assert History.of(page_of("")).before is None
