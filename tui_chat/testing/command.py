"""``python -m tui_chat.testing.faultproxy``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import threading
from pathlib import Path
from typing import Any, Final, get_args

import click

from tui_chat.errors import ConfigurationError, TuiChatError
from tui_chat.testing.commands import HELP, directed, obey
from tui_chat.testing.faultproxy import FaultProxy
from tui_chat.testing.faults import Faults, SlowStart, TlsMode
from tui_chat.text import one_line

__all__ = ["main"]

OK, FAILURE, USAGE = 0, 1, 2

LONGEST_LINE: Final = 4096
"""Bytes of one typed command; the rest is thrown away."""

_MODES: Final = ("relay", "black-hole", "accept-close", "accept-reset", "refuse")
_seconds: Final = click.FloatRange(min=0)


@click.command(
    epilog=f"While it runs it reads commands from standard input, one a line: {HELP}.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--upstream", required=True, metavar="HOST:PORT", help="The server behind it.")
@click.option(
    "--listen",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    metavar="PORT",
    help="Where it listens, on 127.0.0.1; 0 takes any free port.",
)
@click.option("--latency", type=_seconds, metavar="SECONDS", help="Delay, one way.")
@click.option("--jitter", type=_seconds, metavar="SECONDS", help="Up to so much more, at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random numbers.")
@click.option("--bandwidth", type=float, metavar="BYTES", help="Bytes a second, one way.")
@click.option("--cut-after", type=click.IntRange(min=0), metavar="BYTES", help="End after so many.")
@click.option(
    "--ending",
    type=click.Choice(["close", "reset"]),
    default="close",
    show_default=True,
    help="How --cut-after ends a connection.",
)
@click.option(
    "--direction",
    type=click.Choice(["up", "down", "both"]),
    default="both",
    show_default=True,
    help="What the delays, the bandwidth and --cut-after hold for; up is towards the server.",
)
@click.option(
    "--mode",
    type=click.Choice(_MODES),
    default="relay",
    show_default=True,
    help="What becomes of new connections.",
)
@click.option("--first-byte", type=_seconds, metavar="SECONDS", help="Delay of the first answer.")
@click.option("--dribble", type=click.IntRange(min=0), metavar="N", help="So many bytes singly.")
@click.option(
    "--tls",
    type=click.Choice([name.replace("_", "-") for name in get_args(TlsMode)]),
    help="What clients meet that speak TLS; the server behind gets plain bytes.",
)
@click.option(
    "--write-ca",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the certificate authority that clients have to trust to this file.",
)
def _command(**options: Any) -> None:
    """Stand between clients and a server, on loopback, and do what bad networks do.

    Ctrl+C ends it.
    """
    host, port = _upstream(options["upstream"])
    faults = _faults(options)
    with contextlib.suppress(KeyboardInterrupt):  # it is how one ends it
        asyncio.run(_run(host, port, faults, options))


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl+C or ``quit``; return the exit code."""
    try:
        _command.main(arguments, prog_name="faultproxy", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return OK
    except click.ClickException as error:
        _complain(f"{error.format_message()} (--help says more)")
        return USAGE
    except TuiChatError as error:
        _complain(str(error))
        return FAILURE if error.code == "CANNOT_LISTEN" else USAGE
    except OSError as error:
        _complain(error.strerror or type(error).__name__)
        return FAILURE
    return OK


async def _run(host: str, port: int, faults: Faults, options: dict[str, Any]) -> None:
    async with FaultProxy.running(
        host,
        port,
        faults=faults,
        port=options["listen"],
        rng=random.Random(options["seed"]),  # noqa: S311 - jitter
    ) as proxy:
        if options["mode"] == "refuse":
            await proxy.refuse()
        if options["write_ca"] is not None:
            proxy.certificates.write_authority(options["write_ca"])
        _say(f"The fault proxy listens on {proxy.url}, in front of {host}:{port}. Ctrl+C ends it.")
        await _converse(proxy)


async def _converse(proxy: FaultProxy) -> None:
    """Do what is typed until somebody quits; for ever when nothing can be typed."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    if _may_read_stdin():
        _read_stdin(asyncio.get_running_loop(), lines)
    while True:
        line = await lines.get()  # for ever, once standard input has ended
        if line.strip() in ("quit", "exit"):
            return
        try:
            answer = await obey(proxy, line)
        except TuiChatError as error:
            _complain(str(error))
        else:
            if answer:
                _say(answer)


def _may_read_stdin() -> bool:
    """Say whether there is somebody to listen to.

    A job in the background that reads from its terminal is stopped (SIGTTIN).
    """
    try:
        if not os.isatty(0):
            return True
        return not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False  # closed


def _read_stdin(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str]) -> None:
    def read() -> None:
        rest = b""
        with contextlib.suppress(OSError, RuntimeError):  # broken stream; the loop has closed
            while data := os.read(0, LONGEST_LINE):
                *whole, rest = (rest + data).split(b"\n")
                rest = rest[:LONGEST_LINE]
                for line in whole:
                    text = line.decode("utf-8", "replace")
                    loop.call_soon_threadsafe(lines.put_nowait, text)

    # A thread, because Windows cannot wait for a console or a pipe in an event loop, and POSIX not
    # for a file. os.read, because a thread inside a buffered reader holds a lock that the
    # interpreter wants at its end. A daemon, because the read cannot be interrupted.
    threading.Thread(target=read, name="stdin", daemon=True).start()


def _upstream(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError(
            f"{one_line(text, 80)!r} is not an address. --upstream takes HOST:PORT, such as "
            "127.0.0.1:8765."
        )
    return host, int(port)


def _faults(options: dict[str, Any]) -> Faults:
    mode = options["mode"].replace("-", "_")
    tls = options["tls"]
    slow = None
    if options["first_byte"] is not None or options["dribble"] is not None:
        slow = SlowStart(delay=options["first_byte"] or 0.0, count=options["dribble"] or 0)
    faults = Faults(
        mode="relay" if mode == "refuse" else mode,
        tls=tls and tls.replace("-", "_"),
        slow_start=slow,
    )
    names = ("latency", "jitter", "bandwidth", "cut_after")
    changes = {name: options[name] for name in names if options[name] is not None}
    if not changes:
        return faults
    direction = None if options["direction"] == "both" else options["direction"]
    return directed(faults, direction, ending=options["ending"], **changes)


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _complain(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"faultproxy: {one_line(text, 1000)}\n")
        sys.stderr.flush()
