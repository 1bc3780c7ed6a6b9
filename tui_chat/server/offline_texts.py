"""What the built-in agent says, in Markdown."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASKED_TOO_MUCH",
    "BUSY",
    "CODE",
    "COMMANDS",
    "CUT",
    "CUT_REST",
    "DROP",
    "EXPIRE",
    "GREETING",
    "HELP",
    "KEYS",
    "LONG",
    "MARKDOWN",
    "NO_CLIENT_TOOL",
    "RESTART",
    "SLOW",
    "TABLE",
    "THANKS",
    "TICKETS",
]

GREETING: Final = """\
Hello, and welcome to **tui-chat**.

I am the built-in agent. I live in a small server on your own machine and know about one thing: \
this program. Between us everything is real, though. A moment ago your client fetched a *ticket* \
over HTTP and opened a WebSocket with it; the bar counts down until that ticket expires.

Good first words:

- `help` lists everything I can show you
- `ticket` tells you what I see of your connection
- `drop` breaks the connection, so that you can watch it come back
"""

HELP: Final = """\
### What I can show you

Type one of these words, or use it in a short sentence:

| Word | What happens |
|---|---|
| `keys` | the keys that work here |
| `commands` | how to start tui-chat, the demo and the server |
| `ticket` | what the server sees of your connection |
| `markdown`, `table`, `code` | formatted text |
| `long` | an answer of several screens |
| `slow` | an answer that takes its time; you can stop it |
| `reasoning` | thinking before the answer |
| `server tool` | a tool that runs on the server |
| `client tool` | a tool that runs in your client |
| `error` | a run that fails |
| `drop` | the connection is lost after the answer |
| `cut` | the connection is lost in the middle of the answer |
| `expire` | your tickets end, and your session with them |
| `restart` | the server closes with 1012 and is away for two seconds |
| `busy` | the server closes with 1013 and sends you away for five |

The last five are the interesting ones: say them, and watch the status line.
"""

KEYS: Final = """\
### Keys

| Key | What it does |
|---|---|
| `Enter` | sends the message |
| `Shift+Enter`, `Ctrl+J` or `Alt+Enter` | starts a new line; `Ctrl+J` works in every terminal |
| `Esc` | stops the reply that is being written; closes the help or the debug info |
| `PgUp`, `PgDn` | scroll the conversation a page |
| `Ctrl+Up`, `Ctrl+Down` | scroll it a line |
| `Ctrl+End` | goes to the newest message and follows what arrives |
| `Up`, `Down` | bring back what you wrote before, and what you were writing |
| `Ctrl+L` | shows the conversations, and finds words in all of them |
| `Ctrl+N` | begins a new conversation |
| `Ctrl+F` | finds words in the conversation; `Enter` and `Down` go on |
| `Alt+Up`, `Alt+Down` | go from message to message; `Enter` then shows what can be done with one |
| `Alt+V` | selects text in the conversation, with Shift and the arrows |
| `Alt+C` | copies the message you are at, or else the latest reply |
| `Alt+L` | shows the links of that message with their real targets |
| `F6` or `Alt+E` | lets you write on in your own editor |
| `F7` or `Alt+H` | searches in everything that you have written before |
| `Alt+R` or `F5` | sends your latest message again that failed or may not have arrived |
| `Alt+D` or `F8` | gives that message up instead |
| `F3` or `Ctrl+O` | shows the queue: what waits, failed or may not have arrived |
| `F4` or `Ctrl+G` | shows your messages, to send one again |
| `Alt+S` or `F9` | sends what an earlier session left over |
| `Alt+K` | keeps it for later instead |
| `Alt+X` | hides the notice about what is kept on this machine |
| `Ctrl+R` | reconnects now |
| `F2` or `Alt+O` | shows the settings: colours, symbols, notifications |
| `F1` | shows the help |
| `F12` or `Ctrl+\\` | shows the debug info: ticket, connection, queue, machine, live log |
| `Ctrl+P` | finds a command by its name |
| `Ctrl+C` | copies the selection; without one, pressed twice, quits |
| `Ctrl+Q` | quits |

If a function key does nothing, your terminal has kept it for itself. A `/` at the start of the \
prompt lists the same commands by their names.
"""

COMMANDS: Final = """\
### Commands

Start the demo, as you have probably just done:

```sh
tui-chat demo
```

Run the same server by itself. It shows its credentials once, together with the command that \
connects to it:

```sh
tui-chat serve --port 8765
```

Connect to a server, this one or a real one. Token and key come from the environment, never from \
the command line, where other programs could read them:

```sh
export TUI_CHAT_TOKEN=...
export TUI_CHAT_SERVER_KEY=...
tui-chat --server-url https://chat.example.com
```

Useful to know about `serve`: `--ticket-ttl 60` makes tickets live for a minute, `--single-use` \
makes each of them good for one connection only.
"""

TICKETS: Final = """\

#### How tickets work

1. Your client shows its token and the server key, over HTTP, and gets a ticket in return.
2. It opens the WebSocket with the ticket. I look at it there, once, and never again.
3. Before the ticket ends, the client fetches another one and keeps it for the *next* connection. \
The open one notices nothing.

So an expired ticket does not end our conversation. It would only stand in the way of a new \
connection, and that is why a fresh one is always kept ready.
"""

MARKDOWN: Final = """\
## Markdown

Answers are **Markdown**: *emphasis*, ~~second thoughts~~, `inline code`, and \
[links](https://www.markdownguide.org) that nothing opens until you ask for it.

> A quotation, in case somebody has said it better.

1. First things first,
2. then the rest:
   - a detail,
   - and another one.

| Left | Centre | Right |
|:---|:---:|---:|
| apples | red | 3 |
| pears | green | 12 |

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```

---

Wide characters keep their columns: 日本語, 한국어, 🎉.
"""

TABLE: Final = """\
The close codes you are most likely to meet:

| Code | Name | What your client does |
|---:|---|---|
| 1000 | normal closure | reconnects, because it did not ask for it |
| 1006 | no closing handshake | reconnects: the line was cut |
| 1008 | policy violation | fetches a new ticket, then reconnects |
| 1011 | internal error | reconnects, a little more slowly each time |
| 1012 | service restart | waits a moment, then reconnects |
| 1013 | try again later | waits a moment, then reconnects |
"""

CODE: Final = """\
A chat from a script, without any screen:

```python
import asyncio

from tui_chat import WebSocketChatClient


async def main() -> None:
    client = WebSocketChatClient()
    await client.on_init(
        chat_server_url="http://127.0.0.1:8765",
        user_mp_auth_token="...",
        chat_server_key="...",
    )
    await client.on_trigger_message("help")
    async for event in client.events():
        print(event)


asyncio.run(main())
```

It reconnects and renews its tickets just like the program you are looking at.
"""

SLOW: Final = """\
This answer takes its time. Each word comes by itself, with a pause before the next one, so that \
you can see what happens while a reply is under way. The status says that a run is going on. The \
ticket counts down as ever, for a reply does not need it. You can scroll, and you can go on \
typing: what you send now waits until I am done, because a thread has one run at a time. And you \
can stop me. What I have said by then stays where it is, and I will not be offended. If you do not \
stop me, I will simply come to the end of this paragraph, which, as you may have noticed, is here.
"""

DROP: Final = """\
I finish this sentence, and then the server **drops the connection**: no farewell, no close code, \
as when a network goes away.

Watch the status line: it says that the connection is gone, waits a moment, and is back by itself. \
Your ticket is still good, so no new one is needed. This conversation stays where it is. Say \
`ticket` afterwards, and I will have counted one more connection.
"""

RESTART: Final = """\
The server now does what it does when it is **restarted**: it closes the connection with code \
1012, and for two seconds answers everything with 503.

Your client knows what that means. It lets a moment pass, so that a thousand clients do not come \
back at once, and then connects again.
"""

BUSY: Final = """\
The server now says that it is **too busy**: it closes the connection with code 1013, "try again \
later", and for five seconds answers with 503 and `Retry-After`.

Your client waits for as long as it was asked to, and shows until when.
"""

CUT: Final = """\
In the middle of this sentence the line will be cut, without a word of farewell, as when a cable \
is pulled, and"""

CUT_REST: Final = """\
 so you read the rest only if you look into the history: the server finished the answer, \
although nobody was listening.
"""

EXPIRE: Final = """\
I am ending **all your tickets** now, as if their time were up, and your session with them: the \
server says `TICKET_EXPIRED` and closes with code 4401.

Your client throws its ticket away, fetches a new one, and connects with that. It takes a blink; \
`F12` shows what happened.
"""

NO_CLIENT_TOOL: Final = """\
Your client offers no tool that I could call, so there is nothing to show. That is fine: a client \
decides by itself which tools it offers. If it offers one later, ask me again.
"""

ASKED_TOO_MUCH: Final = """\
I am only the built-in agent. I work without any network and without a language model, so I cannot \
say anything sensible about that. I know this program well, though:

- `help` lists what I can show you
- `keys` and `commands` tell you how it is used
- `ticket` tells you what I see of your connection
"""

THANKS: Final = "You are welcome. `help` lists what else I can show you.\n"

_CHAPTERS: Final = (
    (
        "The ticket",
        (
            "A token that never changes is a poor thing to put into a URL: URLs end up in logs, in "
            "proxies, in histories. A ticket is a better one. It stands for the token for a few "
            "minutes, opens WebSockets and nothing else, and is worth nothing once it has expired."
        ),
        (
            "it is fetched over HTTP, with the token in a header",
            "it is shown once, when the WebSocket opens",
            "it is renewed before it expires, in the background",
        ),
    ),
    (
        "The clocks",
        (
            "A client that compares the expiry with its own clock is wrong as soon as that clock "
            "is wrong. So the client asks how much time the *server* saw between its answer and "
            "the expiry, and counts that down on a clock nobody can set. It keeps counting while "
            "the laptop sleeps."
        ),
        (
            "the wall clock is for people",
            "the boot clock is for deadlines",
            "the monotonic clock is for timers, and stands still in suspend",
        ),
    ),
    (
        "The connection",
        (
            "Connections break. Servers restart, laptops close, trains enter tunnels. What matters "
            "is what comes next: try again soon, but never so often that a struggling server is "
            "kept from recovering; and never in step with a thousand other clients."
        ),
        (
            "if nobody answers, trying again costs the server nothing",
            "if the server answers and fails, every pause is longer than the last",
            "a bit of chance in each pause keeps clients from arriving all at once",
        ),
    ),
    (
        "The message",
        (
            "Nothing you type should be lost, and nothing should be sent twice in silence. Between "
            '"written to the socket" and "stored on the server" there is a gap, and an honest '
            "client admits it."
        ),
        (
            "a message has exactly one state at a time",
            "a repeated message carries the same id, and the server applies it once",
            "where nobody can know, you are asked",
        ),
    ),
    (
        "The screen",
        (
            "A terminal is small, and everything on it should earn its place. The transcript keeps "
            "a long conversation as data and draws only what you can see, which is why this answer "
            "scrolls as lightly as a short one."
        ),
        (
            "text from outside cannot move your cursor or repaint your screen",
            "what matters is said in words, with a symbol and a colour to help",
            "the keys that work are shown where they work",
        ),
    ),
)


def _long() -> str:
    parts = ["# A long answer\n\nLong enough to scroll, and about the program you are using.\n"]
    for number, (title, text, points) in enumerate(_CHAPTERS, 1):
        listed = "\n".join(f"- {point}" for point in points)
        parts.append(f"\n## {number}. {title}\n\n{text}\n\nIn short:\n\n{listed}\n")
    rows = "\n".join(
        f"| {attempt} | up to {min(0.5 * 2 ** (attempt - 1), 30):g} s |" for attempt in range(1, 11)
    )
    parts.append(
        "\n## A table to go with it\n\nThe pause after a failed attempt is drawn between zero and "
        f"a limit that doubles:\n\n| Attempt | Pause |\n|---:|---:|\n{rows}\n"
    )
    parts.append(
        "\n## And some code\n\n```python\nimport random\n\n\ndef pause(attempt: int) -> float:\n"
        '    """Seconds to wait after this many failures: full jitter, at most 30 s."""\n'
        "    return random.uniform(0, min(0.5 * 2 ** (attempt - 1), 30))\n```\n"
        "\nThat is all. Thank you for reading to the end.\n"
    )
    return "".join(parts)


LONG: Final = _long()
