"""Where the style sheets are.

In the repository they stand beside the package, in a wheel inside it. An editable install has
both, and the copy inside may be stale; so the repository's own win wherever the package lies in a
checkout of this project.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tui_chat.errors import ConfigurationError

__all__ = ["style_sheet", "styles_folder"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_DAMAGED: Final = "The style sheets are missing from this installation. Install tui-chat again."
_OUR_NAME: Final = 'name = "tui-chat"'


def styles_folder(package: Path = _PACKAGE) -> Path:
    """Return the folder that holds the ``*.tcss`` files for this installation.

    Args:
        package: the folder of the ``tui_chat`` package.

    Raises:
        ConfigurationError: if there is none, which means a damaged installation.
    """
    beside = package.parent / "styles"
    if beside.is_dir() and _is_checkout(package.parent):
        return beside
    inside = package / "styles"
    if inside.is_dir():
        return inside
    raise ConfigurationError(_DAMAGED)


def style_sheet(name: str, package: Path = _PACKAGE) -> Path:
    """Return the style sheet of a screen or family of widgets.

    Raises:
        ConfigurationError: if it is missing.
    """
    sheet = styles_folder(package) / f"{name}.tcss"
    if not sheet.is_file():
        raise ConfigurationError(_DAMAGED)
    return sheet


def _is_checkout(folder: Path) -> bool:
    # The line is enough; a TOML parser would cost every start a few milliseconds.
    try:
        lines = (folder / "pyproject.toml").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return _OUR_NAME in (line.strip() for line in lines)
