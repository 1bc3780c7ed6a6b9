"""HTTP calls other than tickets."""

from tui_chat.rest.agent_configuration import AgentConfiguration, AgentConfigurationApi
from tui_chat.rest.threads import ThreadsApi
from tui_chat.rest.uploads import Upload, UploadsApi

__all__ = ["AgentConfiguration", "AgentConfigurationApi", "ThreadsApi", "Upload", "UploadsApi"]
