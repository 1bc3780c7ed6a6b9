"""The search for secrets finds them, in every form, wherever they are planted."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.canaries import Canary, find, find_below, process_texts

CANARY = Canary("token", 'to+ken/"canary"&=%-' + secrets.token_hex(8))


@pytest.mark.parametrize(
    "planted",
    [
        CANARY.value,
        f"prefix{CANARY.value}suffix",
        quote(CANARY.value, safe=""),
        json.dumps({"a": CANARY.value}),
        CANARY.value.encode().hex(),
        base64.b64encode(CANARY.value.encode()).decode(),
        base64.urlsafe_b64encode(CANARY.value.encode()).decode(),
        CANARY.value[5:20],
        CANARY.value[:12] + "...",
        "..." + CANARY.value[-12:],
        CANARY.value[:10] + "\r\n" + CANARY.value[10:],
    ],
)
def test_each_form_is_found(planted: str, tmp_path: Path) -> None:
    assert find({"text": "before " + planted}, [CANARY])
    assert find({"bytes": b"\xff\x00" + planted.encode() + b"\x00"}, [CANARY])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\x00" + planted.encode())
    assert find_below(tmp_path, [CANARY])


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    other = Canary("other", secrets.token_urlsafe(32))
    texts = {"text": CANARY.value, "short": other.value[:11], "empty": ""}
    assert find(texts, [other]) == []
    (tmp_path / "file").write_text(CANARY.value)
    assert find_below(tmp_path, [other]) == []


def test_a_file_name_counts(tmp_path: Path) -> None:
    canary = Canary("ticket", secrets.token_urlsafe(32))
    (tmp_path / f"cache-{canary.value}").touch()
    assert find_below(tmp_path, [canary])


def test_the_message_names_the_secret_without_repeating_it() -> None:
    [line] = find({"the log": CANARY.value.encode().hex()}, [CANARY])
    assert line == "token in the log, hexadecimal"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_processes_are_read() -> None:
    texts = process_texts(os.getpid(), environment=True)
    assert any(b"pytest" in text for text in texts.values() if isinstance(text, bytes))
    assert len(process_texts(os.getpid(), environment=False)) == 1
