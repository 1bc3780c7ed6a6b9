"""The Textual application. It knows no socket: the client runs in a thread and posts messages.

What the first frame needs is kept cheap: values there are named tuples, as each dataclass would
delay it by a millisecond, and whatever is not on it is imported and mounted behind it.
"""
