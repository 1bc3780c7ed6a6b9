"""Which agent answers whom: what ``/api/v1/agent-configuration`` reads and writes."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Final

from tui_chat.protocol.http import AgentConfiguration

__all__ = ["AgentConfigurations", "objection"]

MAX_PER_USER: Final = 100
"""Entities of one user whose configuration is kept; the one that was changed first goes first."""
MAX_NAME: Final = 200
"""Characters of each of the three names."""
DEFAULT: Final = AgentConfiguration(
    app="tui-chat", promptPath="agents/offline", versionUuid="live", isDefault=True
)
_NAME: Final = re.compile(r"[\w./:@+-]+( [\w./:@+-]+)*")
_VERSION: Final = re.compile(r"[A-Za-z0-9._-]+")

Entity = tuple[str | None, str | None]


class AgentConfigurations:
    """The configurations of all users. The built-in agent is the same under each of them."""

    def __init__(self) -> None:
        self._chosen: dict[str, OrderedDict[Entity, AgentConfiguration]] = {}

    def find(self, owner: str, entity: Entity) -> AgentConfiguration:
        """Return what was chosen for an entity of this owner, else the default."""
        return self._chosen.get(owner, OrderedDict()).get(entity, DEFAULT)

    def choose(
        self, owner: str, entity: Entity, configuration: AgentConfiguration
    ) -> AgentConfiguration:
        """Keep a configuration, or go back to the default if it says that it is the default.

        Returns:
            What holds from now on.
        """
        chosen = self._chosen.setdefault(owner, OrderedDict())
        chosen.pop(entity, None)
        if configuration.isDefault:
            return DEFAULT
        chosen[entity] = configuration
        if len(chosen) > MAX_PER_USER:
            chosen.popitem(last=False)
        return configuration


def objection(configuration: AgentConfiguration) -> str:
    """Return what is wrong with a configuration, a sentence; empty if nothing is."""
    names = {"app": _NAME, "promptPath": _NAME, "versionUuid": _VERSION}
    for name, pattern in names.items():
        value: str = getattr(configuration, name)
        if not 0 < len(value) <= MAX_NAME:
            return f"{name} has 1 to {MAX_NAME} characters."
        if not pattern.fullmatch(value):
            return f"{name} holds characters that do not belong there."
    if ".." in configuration.promptPath.split("/"):
        return "promptPath must not lead upwards."
    return ""
