"""Limits of the control connection, each with its reason."""

LENGTH_PREFIX_BYTES = 4
CONTROL_VERSION = 1

FIRST_REQUEST_BYTES_MAX = 4 << 10
"""A greeting carries a token and nothing else; a stranger cannot make the node buffer more."""

REQUEST_BYTES_MAX = 8 << 20
"""One content of 256 KiB may grow sixfold as escaped JSON; several of them still fit."""

REPLY_BYTES_MAX = 64 << 20
"""Answers come in pages that are far smaller; a longer one is a defect of the node."""

BATCH_BYTES_MAX = 2 << 20
"""The client splits ``remember_many`` at this size, far enough below ``REQUEST_BYTES_MAX``."""

BATCH_MEMORIES_MAX = 1_000
"""Progress is reported per batch, so a batch must not take long."""

CONNECTIONS_MAX = 64
"""Local programs at one node; the next one is told that the node is busy."""

GREETING_SECONDS_MAX = 5.0
"""A program that connects knows what to say; one that does not loses its place."""

FRAME_SECONDS_MAX = 30.0
"""From the first byte of a request to its last, and for the peer to take a reply."""

IDLE_SECONDS_MAX = 600.0
"""An open connection without a request; longer than any client keeps one for reuse."""

REUSE_SECONDS_MAX = 60.0
"""A client reuses a connection only this long: a request must never race with the idle close."""

DRAIN_SECONDS_MAX = 5.0
"""At shutdown, requests that must not be abandoned half-way get this long."""

CONNECT_SECONDS_MAX = 5.0
"""A node that is alive greets within this time even on a loaded machine."""

UNIX_PATH_BYTES_MAX = 100
"""macOS allows 103 bytes and Linux 107 in ``sockaddr_un``; longer homes use another directory."""

METHOD_CHARACTERS_SHOWN_MAX = 40
"""How much of an unknown method's name an error repeats."""

assert FIRST_REQUEST_BYTES_MAX < BATCH_BYTES_MAX < REQUEST_BYTES_MAX < REPLY_BYTES_MAX
assert REUSE_SECONDS_MAX < IDLE_SECONDS_MAX
