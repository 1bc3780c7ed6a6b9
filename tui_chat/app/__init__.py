"""The Textual application. It knows no socket: the client runs in a thread and posts messages."""
