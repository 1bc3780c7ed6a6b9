"""Opening an address in the browser of the person at the screen, where there is one.

Python's own ``webbrowser`` would start a text browser in the terminal that the chat is drawn in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["browser", "open_address"]

TIMEOUT: Final = 5.0
"""Seconds after which a browser that has not failed is taken to be open."""
_SECRET: Final = re.compile(
    r"TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH(?!ORITY)", re.IGNORECASE
)


def browser(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    which: Callable[[str], str | None] | None = None,
) -> tuple[str, ...] | None:
    """Return the command that opens an address; None where nobody would see the browser.

    Args:
        environ: the environment.
        platform: as ``sys.platform``.
        which: finds a program, as ``shutil.which``.
    """
    find = which or (lambda name: shutil.which(name, path=environ.get("PATH")))
    names: list[tuple[str, ...]] = []
    if platform == "win32":
        names = [("explorer.exe",)]
    elif any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY")):
        pass  # it would open at the far end, or come through the network window by window
    elif platform == "darwin":
        names = [("open",)]
    elif environ.get("WSL_DISTRO_NAME"):
        names = [("wslview",), ("explorer.exe",)]
    elif environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        names = [("xdg-open",), ("gio", "open")]
    for name, *arguments in names:
        if (program := find(name)) is not None:
            return (program, *arguments)
    return None


def open_address(
    address: str,
    command: tuple[str, ...] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> bool:
    """Open an address and say whether that seems to have worked. Blocks, so: in a thread.

    Args:
        address: a checked one (:func:`~tui_chat.app.transcript.links.address_of`).
        command: what opens it; by default what there is.
        environ: the environment; secrets in it are not passed on.
    """
    command = command or browser(environ)
    if command is None:
        return False
    surroundings = {name: value for name, value in environ.items() if not _SECRET.search(name)}
    try:
        process = subprocess.Popen(  # noqa: S603 - a checked address, no shell
            [*command, address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=surroundings,
            start_new_session=sys.platform != "win32",
        )
    except OSError:
        return False
    try:
        code = process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        # Until it ends, so that nothing is left of it; nobody waits for this thread.
        threading.Thread(target=process.wait, name="browser", daemon=True).start()
        return True
    # Windows' explorer says 1 whatever happened.
    return code == 0 or command[0].lower().endswith("explorer.exe")
