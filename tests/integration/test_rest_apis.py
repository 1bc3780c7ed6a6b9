"""The client's calls for uploads, the agent's configuration and revocation, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.serving import KEY, TOKEN, Peer, RunningServer, get_ticket, http_client, running_server
from tui_chat.errors import (
    ConfigurationError,
    CredentialsRejected,
    NetworkError,
    RateLimited,
    RequestRejected,
    RequestTimeout,
    ServerError,
    TuiChatError,
)
from tui_chat.protocol.http import AgentConfiguration, Upload
from tui_chat.protocol.urls import ServerUrl
from tui_chat.rest import uploads as uploads_module
from tui_chat.rest.agent_configuration import AgentConfigurationApi
from tui_chat.rest.uploads import FileToUpload, UploadsApi
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.ticket.api import HttpTicketSource
from tui_chat.ticket.auth import AuthData
from tui_chat.ticket.http_api import HttpApi

AUTH = AuthData(TOKEN, KEY)
Api = TypeVar("Api", bound=HttpApi)


@asynccontextmanager
async def calling(kind: type[Api], server: RunningServer, **options: Any) -> AsyncIterator[Api]:
    api = kind(ServerUrl.parse(server.url), **options)
    try:
        yield api
    finally:
        await api.aclose()


@asynccontextmanager
async def answered(kind: type[Api], answer: Callable[[httpx.Request], Any]) -> AsyncIterator[Api]:
    """An API whose server is a function."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        yield kind(ServerUrl.parse("http://localhost:1"), client=client)


async def content_of(server: RunningServer, upload: Upload) -> httpx.Response:
    async with http_client(server) as http:
        response = await http.get(upload.media_url)
        assert response.status_code == 200
        return response


# -- uploads --------------------------------------------------------------------------------------


async def test_one_file_from_disk(tmp_path: Path) -> None:
    path = tmp_path / 'a "b".png'
    content = bytes(range(256)) * 4000  # several pieces
    path.write_bytes(content)
    async with running_server() as server, calling(UploadsApi, server) as api:
        (upload,) = await api.upload([path], AUTH)
        found = await content_of(server, upload)
        assert found.content == content
        assert found.headers["content-type"] == "image/png"
        (stored,) = server._state.uploads._files.values()
        assert stored.folder == "chat-uploads"


async def test_several_files_keep_their_order_and_go_into_a_message(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    files: list[FileToUpload] = [
        ("one.txt", b"1", "text/plain"),
        str(path),
        ("r\u00e9sum\u00e9\r\n.txt", b"3", ""),
    ]
    async with (
        running_server() as server,
        calling(UploadsApi, server) as api,
        Peer.ready(server) as peer,
    ):
        uploads = await api.upload(files, AUTH, folder="a/b")
        assert [(await content_of(server, upload)).content for upload in uploads] == [
            b"1",
            b"",
            b"3",
        ]
        media = [upload.media_url for upload in uploads]
        await peer.send("chat_message", content="look", media=media)
        await peer.receive_until("messages_persisted")
        async with http_client(server) as http:
            messages = (await http.get("/api/v1/messages/query")).json()["messages"]
        assert messages[0]["media"] == media


async def test_the_address_of_the_cdn_is_preferred() -> None:
    body = {"success": True, "url": "https://h/a", "cdnUrl": "https://cdn/a"}
    async with answered(UploadsApi, lambda _: httpx.Response(200, json=body)) as api:
        (upload,) = await api.upload([("a", b"", "")], AUTH)
        assert (upload.url, upload.media_url) == ("https://h/a", "https://cdn/a")
    assert Upload("https://h/a", "").media_url == "https://h/a"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], "NO_FILES"),
        ([("a", b"", "")] * 6, "TOO_MANY_FILES"),
        ([("a", b"x" * (15 * 1024 * 1024 + 1), "")], "FILE_TOO_LARGE"),
        (["no-such-file"], "FILE_UNREADABLE"),
        (["a\0b"], "FILE_UNREADABLE"),
        ([os.curdir], "FILE_UNREADABLE"),
    ],
)
async def test_what_cannot_be_uploaded_is_not_sent(files: list[Any], code: str) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"sent: {request}")

    async with answered(UploadsApi, never) as api:
        with pytest.raises(ConfigurationError) as caught:
            await api.upload(files, AUTH)
        assert caught.value.code == code


async def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(20 * 1024 * 1024 * 1024)
    async with running_server() as server, calling(UploadsApi, server) as api:
        with pytest.raises(
            ConfigurationError, match=r"large has 20480\.0 MB; a file may have 15 MB"
        ):
            await api.upload([path], AUTH)


@pytest.mark.parametrize("change", ["shorter", "longer", "gone", "replaced"])
async def test_a_file_that_changes_meanwhile_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 3000)
    monkeypatch.setattr(uploads_module, "CHUNK", 1000)
    read = uploads_module._read_piece

    def read_and_change(source: Any, found: Path, start: int) -> bytes:
        piece = read(source, found, start)
        if start == 0:
            match change:
                case "shorter":
                    path.write_bytes(b"x" * 1500)
                case "longer":
                    path.write_bytes(b"x" * 4000)
                case "gone":
                    path.unlink()
                case "replaced":
                    (tmp_path / "other").write_bytes(b"y" * 3000)
                    (tmp_path / "other").replace(path)
        return piece

    monkeypatch.setattr(uploads_module, "_read_piece", read_and_change)
    async with running_server() as server, calling(UploadsApi, server) as api:
        with pytest.raises(ConfigurationError) as caught:
            await api.upload([path], AUTH)
        assert caught.value.code == ("FILE_UNREADABLE" if change == "gone" else "FILE_CHANGED")
        assert len(server._state.uploads) == 0
        # The client is as good as before.
        assert len(await api.upload([("a", b"1", "")], AUTH)) == 1


async def test_the_event_loop_goes_on_while_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    path = tmp_path / "a"
    path.write_bytes(b"x")
    reading, go_on = threading.Event(), threading.Event()
    read = uploads_module._read_piece

    def slow(*arguments: Any) -> bytes:
        reading.set()
        assert go_on.wait(5)
        return read(*arguments)

    monkeypatch.setattr(uploads_module, "_read_piece", slow)
    async with running_server() as server, calling(UploadsApi, server) as api:
        upload = asyncio.create_task(api.upload([path], AUTH))
        async with asyncio.timeout(5):
            while not reading.is_set():
                await asyncio.sleep(0)  # would never come back if the reading were done here
        go_on.set()
        assert len(await upload) == 1


async def test_what_the_server_refuses_is_told_with_its_reason() -> None:
    config = ServerConfig(max_upload_bytes=1000)
    async with running_server(config) as server, calling(UploadsApi, server) as api:
        with pytest.raises(RequestRejected, match="A file has at most") as caught:
            await api.upload([("a", b"x" * 1001, "")], AUTH)
        assert (caught.value.status, caught.value.code) == (413, "FILE_TOO_LARGE")
        # Far too much: it is refused while it is still being sent, and hears of it all the same.
        with pytest.raises(RequestRejected) as caught:
            await api.upload([("a", b"x" * 1_000_000, "")] * 5, AUTH)
        assert caught.value.status == 413
        with pytest.raises(RequestRejected) as caught:
            await api.upload([("a", b"", "")], AUTH, folder="../x")
        assert caught.value.code == "INVALID_FOLDER"
        with pytest.raises(CredentialsRejected) as refused:
            await api.upload([("a", b"", "")], AuthData("wrong", KEY))
        assert refused.value.code == "AUTH_INVALID"


async def test_a_server_that_does_not_take_the_bytes_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    gone = asyncio.Event()
    listener = await asyncio.start_server(silent, "127.0.0.1", 0, limit=1024)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        api = UploadsApi(ServerUrl.parse(f"http://127.0.0.1:{port}"), timeout=0.2)
        with pytest.raises(RequestTimeout):
            await api.upload([("a", b"x" * 14_000_000, "")], AUTH)
        await api.aclose()
        gone.set()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"success": true}',
        b'{"success": false, "url": "https://h/a"}',
        b'{"success": true, "url": 5}',
        b'{"success": true, "url": ""}',
        b'{"success": true, "url": "javascript:alert(1)"}',
        b'{"success": true, "url": "https://h/a\\u001b[2J"}',
        b'{"success": true, "url": "https://h/a b"}',
        b'{"success": true, "url": "https://h/a", "cdnUrl": "file:///etc/passwd"}',
        json.dumps({"success": True, "url": "https://h/" + "x" * 3000}).encode(),
        b'{"success": true, "data": [{"url": "https://h/a"}]}',
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error(body: bytes) -> None:
    async with answered(UploadsApi, lambda _: httpx.Response(200, content=body)) as api:
        with pytest.raises(RequestRejected, match="did not take the upload") as caught:
            await api.upload([("a", b"", "")], AUTH)
        assert "\x1b" not in str(caught.value)


async def test_fewer_addresses_than_files_are_an_error() -> None:
    body = {"success": True, "data": [{"url": "https://h/a"}]}
    async with answered(UploadsApi, lambda _: httpx.Response(200, json=body)) as api:
        with pytest.raises(RequestRejected):
            await api.upload([("a", b"", "")] * 2, AUTH)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, RequestRejected),
        (401, CredentialsRejected),
        (403, CredentialsRejected),
        (404, RequestRejected),
        (408, ServerError),
        (413, RequestRejected),
        (429, RateLimited),
        (503, ServerError),
    ],
)
async def test_a_status_says_what_to_do(status: int, kind: type[TuiChatError]) -> None:
    headers = {"Retry-After": "7", "Location": "https://elsewhere.example"}

    def answer(_request: httpx.Request) -> httpx.Response:
        body = {"success": False, "error": f"no {TOKEN}", "code": "X"}
        return httpx.Response(status, json=body, headers=headers)

    async with answered(UploadsApi, answer) as uploads:
        with pytest.raises(kind) as caught:
            await uploads.upload([("a", b"", "")], AUTH)
    assert caught.value.code == "X"
    assert TOKEN not in str(caught.value)
    if isinstance(caught.value, RateLimited | ServerError):
        assert caught.value.retry_after == 7


async def test_nobody_there_is_a_network_error() -> None:
    async with running_server() as server:
        url = ServerUrl.parse(server.url)
    api = UploadsApi(url)
    with pytest.raises(NetworkError):
        await api.upload([("a", b"x" * 1_000_000, "")], AUTH)
    await api.aclose()


# -- the agent's configuration --------------------------------------------------------------------


async def test_the_agents_configuration_is_read_and_set() -> None:
    mine = AuthData(TOKEN, KEY, entity_id="a b&c=d", entity_type="BRAND")
    async with running_server() as server, calling(AgentConfigurationApi, server) as api:
        default = await api.get(AUTH)
        assert default.isDefault
        wanted = AgentConfiguration("shop", "sales/greeter", "live")
        assert await api.put(mine, wanted) == wanted
        assert await api.get(mine) == wanted
        assert await api.get(AUTH) == default
        back = AgentConfiguration("x", "y", "z", isDefault=True)
        assert await api.put(mine, back) == default
        with pytest.raises(RequestRejected, match="promptPath must not lead upwards") as caught:
            await api.put(AUTH, AgentConfiguration("a", "../b", "c"))
        assert caught.value.code == "INVALID_REQUEST"
        with pytest.raises(CredentialsRejected):
            await api.get(AuthData(TOKEN, "wrong"))


async def test_a_query_of_the_servers_own_stays() -> None:
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        assert "content-type" not in request.headers
        assert request.content == b""
        body = {"app": "a\x1b[2J", "promptPath": "p" * 900, "versionUuid": "v", "isDefault": False}
        return httpx.Response(200, json={"success": True, "configuration": body})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        api = AgentConfigurationApi(ServerUrl.parse("http://localhost:1/x?tenant=5"), client=client)
        found = await api.get(AuthData(TOKEN, KEY, entity_id="7"))
    (url,) = seen
    assert (url.path, url.query) == ("/x/api/v1/agent-configuration", b"tenant=5&entityId=7")
    assert "\x1b" not in found.app
    assert len(found.promptPath) <= 200


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"success": true}', b'{"success": false, "error": "no"}', b"<html>"]
)
async def test_a_configuration_that_makes_no_sense_is_an_error(body: bytes) -> None:
    async with answered(AgentConfigurationApi, lambda _: httpx.Response(200, content=body)) as api:
        with pytest.raises(RequestRejected, match="did not tell the agent's configuration"):
            await api.get(AUTH)


# -- revocation -----------------------------------------------------------------------------------


async def test_a_ticket_is_revoked() -> None:
    async with running_server() as server, calling(HttpTicketSource, server) as source:
        ticket = Secret(await get_ticket(server))
        assert (await source.validate(AUTH, ticket)).valid
        assert await source.revoke(AUTH, ticket) is True
        found = await source.validate(AUTH, ticket)
        assert (found.valid, found.revoked) == (False, True)
        assert await source.revoke(AUTH, ticket) is True


async def test_a_ticket_that_cannot_be_revoked_is_no_error() -> None:
    async with running_server() as server:
        async with calling(HttpTicketSource, server) as source:
            assert await source.revoke(AuthData("wrong", KEY), Secret("t")) is False
        gone = ServerUrl.parse(server.url)
    source = HttpTicketSource(gone)
    assert await source.revoke(AUTH, Secret("t")) is False
    await source.aclose()
