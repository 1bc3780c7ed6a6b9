"""How this machine reaches a server: proxy and TLS, decided once and given to both libraries.

httpx and websockets read the environment differently (one sends loopback traffic to a proxy, the
other does not; one knows ``ALL_PROXY``, the other does not; one trusts certifi, the other the
system's store). So neither is asked.
"""

from tui_chat.network.failures import broken_after_tls, network_error, proxy_refusal
from tui_chat.network.proxies import Proxy
from tui_chat.network.route import Network, resolve_network
from tui_chat.network.tls import ClientCertificate

__all__ = [
    "ClientCertificate",
    "Network",
    "Proxy",
    "broken_after_tls",
    "network_error",
    "proxy_refusal",
    "resolve_network",
]
