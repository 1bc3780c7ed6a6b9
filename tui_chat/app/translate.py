"""From the client library's events to what the screen is told. Runs in the client's thread."""

from __future__ import annotations

from tui_chat import events
from tui_chat.app import messages
from tui_chat.app.mailbox import Mailbox
from tui_chat.text import one_line
from tui_chat.ticket import events as ticket_events

__all__ = ["put"]


def put(mailbox: Mailbox, event: events.ChatEvent) -> None:
    """Add one event to the mailbox."""
    match event:
        case events.ConversationChanged(changes):
            mailbox.put_changes(changes)
        case events.ConnectionChanged(status):
            mailbox.put_connection(messages.ConnectionChanged(status))
        case events.TicketChanged(ticket_event):
            _put_ticket(mailbox, ticket_event)
        case events.ServerNotice(text, code):
            mailbox.put_notice(messages.ServerNotice(one_line(text, 500), one_line(code, 60)))
        case events.FrameIgnored():
            mailbox.put_ignored()
        case events.ToolsAccepted(names):
            mailbox.put_tools(messages.ToolsAccepted(names))
        case events.OutboxChanged(items):
            mailbox.put_outbox(messages.OutboxChanged(items))
        case events.DeliveryTrouble(text, code):
            mailbox.put_storage(messages.StorageNoticed(one_line(text, 500), one_line(code, 60)))
        case events.Lagged():
            mailbox.put_reset()


def _put_ticket(mailbox: Mailbox, event: ticket_events.TicketEvent) -> None:
    match event:
        case ticket_events.TicketRenewing(attempt, max_attempts):
            mailbox.put_ticket(messages.TicketRenewing(attempt, max_attempts))
        case ticket_events.TicketRenewed(ticket, duration):
            mailbox.put_ticket(messages.TicketRenewed(ticket, duration))
        case ticket_events.TicketRenewalFailed(error, retry_at, final):
            sentence = one_line(str(error), 300)
            mailbox.put_ticket(messages.TicketRenewalFailed(sentence, retry_at, final))
        case ticket_events.TicketExpired(serial):
            mailbox.put_ticket(messages.TicketExpired(serial))
        case ticket_events.TicketDropped(reason, serial):
            mailbox.put_ticket(messages.TicketGone(reason, serial))
        case ticket_events.TicketClockJump():
            pass  # the screen looks at the clock every second anyway
