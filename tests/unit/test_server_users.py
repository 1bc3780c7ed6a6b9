"""Who may come in, and from which file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tui_chat.errors import ConfigurationError
from tui_chat.secret import Secret
from tui_chat.server.config import CAPABILITIES, ServerConfig, is_loopback
from tui_chat.server.users import (
    CredentialsRefused,
    User,
    UserDirectory,
    readable_by_others,
    take_from_environment,
)
from tui_chat.server.users_file import load_users

ANN = User(Secret("ann-token"), Secret("app-1"), "ann", "Ann")
BOB = User(Secret("bob-token"), Secret("app-2"), "bob")


@pytest.mark.parametrize(
    ("token", "key", "code"),
    [
        (None, "app-1", "AUTH_MISSING"),
        ("", "app-1", "AUTH_MISSING"),
        (None, None, "AUTH_MISSING"),
        ("ann-token", None, "SERVER_KEY_INVALID"),
        ("ann-token", "app-3", "SERVER_KEY_INVALID"),
        ("wrong", "app-1", "AUTH_INVALID"),
        ("bob-token", "app-1", "AUTH_INVALID"),
    ],
)
def test_wrong_credentials_are_refused_with_the_reason(
    token: str | None, key: str | None, code: str
) -> None:
    directory = UserDirectory([ANN, BOB])
    with pytest.raises(CredentialsRefused) as caught:
        directory.authenticate(
            None if token is None else Secret(token), None if key is None else Secret(key)
        )
    assert caught.value.code == code


def test_right_credentials_find_their_user() -> None:
    directory = UserDirectory([ANN, BOB])
    assert directory.authenticate(Secret("ann-token"), Secret("app-1")) is ANN
    assert directory.authenticate(Secret("bob-token"), Secret("app-2")) is BOB


@pytest.mark.parametrize(
    "users",
    [
        [],
        [ANN, ANN],
        [ANN, User(Secret("x"), Secret("y"), "ann")],
        [ANN, User(ANN.token, ANN.key, "somebody else")],
        [User(Secret(""), Secret("y"))],
        [User(Secret("x"), Secret("zw\u00f6lf"))],
        [User(Secret("x\n"), Secret("y"))],
    ],
)
def test_a_directory_that_makes_no_sense_is_refused(users: list[User]) -> None:
    with pytest.raises(ConfigurationError):
        UserDirectory(users)


def test_credentials_are_random_unless_they_are_given() -> None:
    one, other = User.at_random(), User.at_random(token=Secret("mine"))
    assert one.token != one.key
    assert len(one.token) == 43
    assert other.token == Secret("mine")
    assert other.key != one.key


def test_the_environment_is_emptied() -> None:
    environ = {"TUI_CHAT_TOKEN": " t \n", "TUI_CHAT_SERVER_KEY": "k", "PATH": "/bin"}
    assert take_from_environment(environ) == (Secret("t"), Secret("k"))
    assert environ == {"PATH": "/bin"}
    assert take_from_environment(environ) == (None, None)


def test_a_user_is_shown_without_hidden_characters() -> None:
    assert User(Secret("t"), Secret("k"), "id", "A\x1b[31m\nB").label == "A\u241b[31m B"


TOML = """
[[users]]
token = "t1"
key = "k1"
user_id = "ann"
name = "Ann"

[[users]]
token = "t2"
key = "k2"
user_id = "bob"
"""


def test_users_come_from_toml_and_json(tmp_path: Path) -> None:
    toml, as_json = tmp_path / "users.toml", tmp_path / "users.json"
    toml.write_text(TOML, "utf-8")
    as_json.write_text(
        json.dumps(
            {
                "users": [
                    {"token": "t1", "key": "k1", "user_id": "ann", "name": "Ann"},
                    {"token": "t2", "key": "k2", "user_id": "bob"},
                ]
            }
        ),
        "utf-8",
    )
    assert load_users(toml) == load_users(as_json)
    ann, bob = load_users(toml)
    assert (ann.token, ann.key, ann.identity, ann.label) == (
        Secret("t1"),
        Secret("k1"),
        "ann",
        "Ann",
    )
    assert bob.label == "bob"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", "users = ["),
        ("b.toml", 'token = "canary-5f3a"'),
        ("c.json", '{"users": [{"token": "canary-5f3a"}]}'),
        ("d.json", '{"users": [{"token": 5, "key": "canary-5f3a", "user_id": "a"}]}'),
        ("e.json", '{"users": []}'),
        ("f.json", b"\xff\xfe"),
        ("g.json", "[" * 100_000),
        ("h.json", '{"users": [{"token": "canary-5f3a", "key": "k", "user_id": "a", "admin": 1}]}'),
    ],
)
def test_a_file_that_makes_no_sense_is_explained_without_its_secrets(
    tmp_path: Path, name: str, content: str | bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError) as caught:
        load_users(path)
    assert name in str(caught.value)
    assert "canary-5f3a" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "a.toml",
            '[[users]]\ntoken = "canary-5f3a\n',
            r"a\.toml is not valid TOML: look at line 2\.",
        ),
        ("a.toml", "users = [", r"not valid TOML: look at the end\."),
        ("a.json", '{"users": [\n {"token": canary-5f3a}\n]}', r"not valid JSON: look at line 2, "),
        ("a.toml", b"#\n\xff", r"is not UTF-8 text \(line 2\)\. Save it as UTF-8\."),
        ("a.toml", 'token = "x"', r"has no list of users\. It needs a list named users"),
        ("a.json", "[]", r"has no list of users"),
        ("a.json", '{"users": []}', r"names no user"),
        ("a.json", '{"users": [], "x": 1}', r"names no user"),
        (
            "a.toml",
            TOML + '[[users]]\ntoken = "canary-5f3a"',
            r"User 3 \(line 12\) of the users file .*a\.toml has no key\.",
        ),
        ("a.json", '{"users": [5]}', r"User 1 of the users file .*a\.json is no entry"),
        (
            "a.json",
            '{"users": [{"token": 5, "key": "canary-5f3a", "user_id": "a"}]}',
            r"User 1 of .* has a token that is not text in quotes\.",
        ),
        (
            "a.json",
            '{"users": [{"token": "t", "key": "k", "user_id": "a", "blocked": "canary-5f3a"}]}',
            r"has a blocked that is not true or false\.",
        ),
        (
            "a.json",
            '{"users": [{"token": "t", "key": "k", "user_id": "a", "admin": 1}]}',
            r"has admin, which means nothing here\. It may have token, key, user_id, name, bl",
        ),
        (
            "a.json",
            '{"version": 1, "users": [{"token": "t", "key": "k", "user_id": "a"}]}',
            r"has version beside the list of users",
        ),
    ],
)
def test_what_is_wrong_is_said_in_sentences_with_the_place(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load_users(path)
    said = str(caught.value)
    assert str(path) in said
    for jargon in ("canary", "$", "Expecting", "Unescaped", "codec", "Object", "`"):
        assert jargon not in said
    assert said.endswith(".")


def test_a_user_may_be_blocked(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text(TOML + "blocked = true\n", "utf-8")
    assert [user.blocked for user in load_users(path)] == [False, True]


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml cannot be read"):
        load_users(tmp_path / "nowhere.toml")


@pytest.mark.skipif(os.name != "posix", reason="permission bits are a POSIX matter")
def test_a_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    path.write_text(TOML, "utf-8")
    path.chmod(0o640)
    assert readable_by_others(path)
    path.chmod(0o600)
    assert not readable_by_others(path)


@pytest.mark.parametrize(
    "change",
    [
        {"port": -1},
        {"port": 65536},
        {"ticket_ttl": 0},
        {"ticket_ttl": float("nan")},
        {"ticket_ttl": 1e300},
        {"ticket_rate": -1},
        {"heartbeat_interval": float("inf")},
        {"ticket_burst": 0},
        {"reject_mode": "politely"},
        {"announce": ("time_travel",)},
        {"max_sessions_per_user": 0},
        {"message_rate": -1},
        {"upload_timeout": 0},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        ServerConfig(**change)  # type: ignore[arg-type]  # wrong on purpose


def test_loopback_is_the_default_and_told_apart() -> None:
    assert is_loopback(ServerConfig().host)
    assert ServerConfig().announce == CAPABILITIES
    assert [is_loopback(host) for host in ("localhost", "::1", "127.9.9.9")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.0.1", "example.com")] == [False] * 3
