"""Uploaded files: what is kept under which name, what makes room, and the form they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_chat.protocol.http import AgentConfiguration
from tui_chat.server.agent_configurations import (
    DEFAULT,
    MAX_PER_USER,
    AgentConfigurations,
    objection,
)
from tui_chat.server.answers import ApiError
from tui_chat.server.multipart import FormReader
from tui_chat.server.uploads import StoredFile, UploadStore, is_folder, safe_name


def keep(store: UploadStore, owner: str, size: int, name: str = "a.txt") -> StoredFile:
    return store.keep(owner, "chat-uploads", name, "text/plain", b"x" * size)


def test_whoever_holds_the_most_makes_room() -> None:
    store = UploadStore(max_bytes=100, max_files=10)
    anns = keep(store, "ann", 20)
    bobs = [keep(store, "bob", 30) for _ in range(2)]
    more = keep(store, "bob", 30)
    assert store.find(bobs[0].key) is None
    assert [store.find(file.key) for file in (anns, bobs[1], more)] == [anns, bobs[1], more]
    # A file of Ann's makes Bob drop one, not her.
    keep(store, "ann", 30)
    assert store.find(bobs[1].key) is None
    assert store.find(anns.key) is anns
    assert len(store) == 3


def test_the_number_of_files_is_bounded_even_when_they_are_empty() -> None:
    store = UploadStore(max_bytes=100, max_files=3)
    files = [keep(store, "ann", 0) for _ in range(5)]
    assert [store.find(file.key) is not None for file in files] == [False, False, True, True, True]


def test_a_file_larger_than_everything_together_is_refused() -> None:
    store = UploadStore(max_bytes=100, max_files=3)
    kept = keep(store, "ann", 50)
    with pytest.raises(ValueError, match="larger than everything"):
        keep(store, "ann", 101)
    assert store.find(kept.key) is kept


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob", "cid"]), st.integers(0, 60)), max_size=40))
def test_what_is_kept_stays_within_the_limits(sizes: list[tuple[str, int]]) -> None:
    store = UploadStore(max_bytes=100, max_files=5)
    for owner, size in sizes:
        file = keep(store, owner, size)
        assert store.find(file.key) is file
        assert len(store) <= 5
        found = [store.find(key) for keys in store._keys.values() for key in keys]
        assert sum(len(file.content) for file in found if file is not None) <= 100
        assert len(found) == len(store)


def test_a_key_cannot_be_guessed() -> None:
    store = UploadStore(max_bytes=1000, max_files=100)
    keys = {keep(store, "ann", 1).key for _ in range(50)}
    assert len(keys) == 50
    assert min(map(len, keys)) >= 43  # 256 bits in base64url


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a_b.txt"),
        (".bashrc", "bashrc"),
        ("..", "file"),
        ("", "file"),
        ("a\r\nSet-Cookie: x", "a_Set-Cookie_x"),
        ('a";filename="b.html', "a_filename_b.html"),
        ("caf\u0065\u0301.png", "caf\u00e9.png"),
        ("evil\u202egnp.exe", "evil_gnp.exe"),
        ("x" * 200 + ".jpeg", "x" * 75 + ".jpeg"),
    ],
)
def test_names_are_made_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=300))
def test_any_name_is_made_safe(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 80
    assert not name.startswith(".")
    assert not set(name) & set("/\\\"'<>;:\r\n\0 ")


@pytest.mark.parametrize(
    ("folder", "good"),
    [
        ("chat-uploads", True),
        ("a/b_c/d-1/e", True),
        ("", False),
        ("..", False),
        ("a/../b", False),
        ("/etc", False),
        ("a//b", False),
        ("a/", False),
        ("a\\b", False),
        ("a/b/c/d/e", False),
        ("caf\u00e9", False),
        ("a\n", False),
        ("x" * 65, False),
        (".hidden", False),
        ("C:", False),
    ],
)
def test_folders_lead_nowhere(folder: str, good: bool) -> None:
    assert is_folder(folder) is good


def test_only_types_that_are_safe_are_passed_on() -> None:
    store = UploadStore(max_bytes=100, max_files=10)
    types = ["image/png", "TEXT/PLAIN; charset=utf-8", "text/html", "image/svg+xml", "", "x\r\ny"]
    kept = [store.keep("ann", "a", "n", media_type, b"").media_type for media_type in types]
    assert kept == ["image/png", "text/plain"] + ["application/octet-stream"] * 4


# -- the form -------------------------------------------------------------------------------------


def part(name: str, content: bytes, filename: str | None = None, extra: str = "") -> bytes:
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"\r\nContent-Type: text/plain'
    return f"{head}\r\n{extra}\r\n".encode() + content + b"\r\n"


def reader(max_files: int = 2, max_file_bytes: int = 100) -> FormReader:
    return FormReader(
        "multipart/form-data; boundary=B", max_files=max_files, max_file_bytes=max_file_bytes
    )


@given(st.integers(1, 50))
def test_a_form_is_read_however_it_is_cut(size: int) -> None:
    tricky = b"\r\n--\r\n--BX\r\n\0\xff"
    data = part("file", tricky, "n\u00e4me.txt") + part("folder", b"a/b") + b"--B--\r\n"
    form = reader()
    for start in range(0, len(data), size):
        form.write(data[start : start + size])
    form.finish()
    (file,) = form.files
    assert (file.form_field, file.name, file.media_type) == ("file", "n\u00e4me.txt", "text/plain")
    assert bytes(file.content) == tricky
    assert form.fields == {"folder": "a/b"}


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (part("file", b"x" * 101, "a"), 413, "FILE_TOO_LARGE"),
        (part("files", b"", "a") * 3, 413, "TOO_MANY_FILES"),
        (part("folder", b"x" * 1025), 400, "INVALID_REQUEST"),
        (b"".join(part(str(n), b"") for n in range(17)), 400, "INVALID_REQUEST"),
        (part("a", b"", extra="X: " + "y" * 3000 + "\r\n"), 400, "INVALID_REQUEST"),
        (part("a", b"", extra="X: y\r\n" * 10), 400, "INVALID_REQUEST"),
        (b"--B\r\nContent-Type: x\r\n\r\n", 400, "INVALID_REQUEST"),
        (b"nonsense", 400, "INVALID_REQUEST"),
    ],
)
def test_a_form_beyond_the_limits_is_refused(data: bytes, status: int, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        reader().write(data)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_a_form_that_does_not_end_is_refused() -> None:
    form = reader()
    form.write(part("file", b"x", "a"))
    with pytest.raises(ApiError, match="cannot be understood"):
        form.finish()


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 5000],
)
def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(ApiError) as caught:
        FormReader(content_type, max_files=1, max_file_bytes=1)
    assert caught.value.status == 400


# -- the agent's configuration --------------------------------------------------------------------


def configuration(app: str = "a", path: str = "p/q", version: str = "live") -> AgentConfiguration:
    return AgentConfiguration(app, path, version)


def test_a_configuration_belongs_to_a_user_and_an_entity() -> None:
    kept = AgentConfigurations()
    brand = ("7", "BRAND")
    kept.choose("ann", brand, configuration("for-brand"))
    assert kept.find("ann", brand).app == "for-brand"
    assert kept.find("ann", (None, None)) is DEFAULT
    assert kept.find("bob", brand) is DEFAULT
    assert kept.choose("ann", brand, AgentConfiguration("x", "y", "z", isDefault=True)) is DEFAULT
    assert kept.find("ann", brand) is DEFAULT


def test_the_number_of_configurations_is_bounded() -> None:
    kept = AgentConfigurations()
    for number in range(MAX_PER_USER + 1):
        kept.choose("ann", (str(number), None), configuration())
    assert kept.find("ann", ("0", None)) is DEFAULT
    assert kept.find("ann", ("1", None)) == configuration()


@pytest.mark.parametrize(
    ("bad", "names"),
    [
        (configuration(app=""), "app"),
        (configuration(path="x" * 201), "promptPath"),
        (configuration(path="a/../b"), "promptPath"),
        (configuration(app="a\x1b[2J"), "app"),
        (configuration(version="a b"), "versionUuid"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_named(bad: AgentConfiguration, names: str) -> None:
    assert objection(bad).startswith(names)
    assert objection(configuration()) == ""
    assert objection(DEFAULT) == ""
