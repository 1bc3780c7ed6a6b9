"""The entry point of ``tui-chat`` and of ``python -m tui_chat``.

``--version`` is answered from a literal before anything else is imported: it is what scripts and
package managers call, and it should cost little more than the interpreter itself.
"""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line and return the exit code."""
    if sys.argv[1:] == ["--version"]:
        from tui_chat import __version__  # noqa: PLC0415 - the point of this file

        sys.stdout.write(f"tui-chat {__version__}\n")
        return 0
    from tui_chat.cli.main import run  # noqa: PLC0415 - see above

    return run()


if __name__ == "__main__":
    sys.exit(main())
