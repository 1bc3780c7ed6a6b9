"""The embedded chat server: tickets over HTTP, sessions over WebSocket, an agent that answers.

It is the server behind ``tui-chat serve`` and ``tui-chat demo``, and the one the integration tests
talk to. It keeps everything in memory. A tour, from the outside in:

* :mod:`~tui_chat.server.listening` binds a port and runs the application on uvicorn;
* :mod:`~tui_chat.server.chat_server` puts the parts together;
* :mod:`~tui_chat.server.connections` is one TCP connection, within limits;
* :mod:`~tui_chat.server.security` stands in front of every request and handshake;
* :mod:`~tui_chat.server.routes` and :mod:`~tui_chat.server.upload_routes` answer HTTP,
  :mod:`~tui_chat.server.handshake` decides who may
  open a WebSocket, :mod:`~tui_chat.server.session` is one open WebSocket;
* :mod:`~tui_chat.server.runs` lets the agent answer messages, one at a time per thread;
* :mod:`~tui_chat.server.users`, :mod:`~tui_chat.server.tickets`,
  :mod:`~tui_chat.server.rate_limit`, :mod:`~tui_chat.server.threads`,
  :mod:`~tui_chat.server.uploads`, :mod:`~tui_chat.server.agent_configurations`,
  :mod:`~tui_chat.server.maintenance` and :mod:`~tui_chat.server.narration` hold the rules, without
  I/O;
* :mod:`~tui_chat.server.agent` is the seam for an agent of your own,
  :mod:`~tui_chat.server.offline_agent` the one that is built in;
* :mod:`~tui_chat.server.child` starts all of it as a child process.

Importing this package loads neither starlette nor uvicorn.
"""
