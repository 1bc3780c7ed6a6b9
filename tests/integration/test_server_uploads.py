"""Uploads, over real sockets: what is taken, how it comes back, and what it may cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.serving import Credentials, Peer, get_ticket, http_client, running_server
from tui_chat.secret import Secret
from tui_chat.server.config import ServerConfig
from tui_chat.server.users import User

ANN = User(Secret("ann-token"), Secret("shared-key"), "ann", "Ann")
BOB = User(Secret("bob-token"), Secret("shared-key"), "bob", "Bob")
TWO_USERS = ServerConfig(users=(ANN, BOB))
AS_ANN, AS_BOB = Credentials("ann-token", "shared-key"), Credentials("bob-token", "shared-key")
UPLOAD = "/api/v1/upload"
SMALL = ServerConfig(max_upload_bytes=1000, max_media=2, upload_timeout=0.3)


def file(content: bytes = b"hello", name: str = "a.txt", kind: str = "text/plain") -> Any:
    return name, content, kind


async def test_a_file_is_kept_and_comes_back_as_an_attachment() -> None:
    async with running_server(TWO_USERS) as server, http_client(server, AS_ANN) as http:
        page = file(b"<script>alert(1)</script>", "../r\u00e9sum\u00e9 1.html", "text/html")
        answer = await http.post(UPLOAD, files={"file": page}, data={"folder": "chat-uploads/x"})
        assert answer.status_code == 200
        body = answer.json()
        assert list(body) == ["success", "url"]
        assert body["url"].startswith(f"{server.url}/uploads/")
        # Whoever has the address may fetch it, without credentials.
        async with httpx.AsyncClient(trust_env=False) as anybody:
            found = await anybody.get(body["url"])
            assert found.status_code == 200
            assert found.content == b"<script>alert(1)</script>"
            assert found.headers["content-type"] == "application/octet-stream"
            assert found.headers["content-disposition"] == (
                "attachment; filename*=UTF-8''r%C3%A9sum%C3%A9_1.html"
            )
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert found.headers["cross-origin-resource-policy"] == "same-origin"
            assert found.headers["cache-control"] == "no-store"
            key = body["url"].split("/")[-2]
            for wrong in (f"/uploads/{key}/other", f"/uploads/{key[:-1]}/x", f"/uploads/{key}"):
                assert (await anybody.get(server.url + wrong)).status_code == 404
            page_on_the_web = {"Origin": "https://evil.example"}
            assert (await anybody.get(body["url"], headers=page_on_the_web)).status_code == 403


async def test_several_files_and_a_large_one() -> None:
    large = bytes(range(256)) * 4096 * 15  # 15 MB
    async with running_server() as server, http_client(server) as http:
        several = [("files", file(b"1", "1")), ("files", file(large, "2", "image/png"))]
        body = (await http.post(UPLOAD, files=several)).json()
        assert body["success"] is True
        assert len(body["data"]) == 2
        found = [await http.get(upload["url"]) for upload in body["data"]]
        assert [len(response.content) for response in found] == [1, len(large)]
        assert found[1].content == large
        assert found[1].headers["content-type"] == "image/png"
        (only,) = (await http.post(UPLOAD, files=[("files", file())])).json()["data"]
        assert only["url"]


async def test_media_stand_in_the_thread() -> None:
    async with running_server() as server, http_client(server) as http, Peer.ready(server) as peer:
        url = (await http.post(UPLOAD, files={"file": file()})).json()["url"]
        await peer.send("chat_message", content="look", media=[url])
        await peer.receive_until("messages_persisted")
        messages = (await http.get("/api/v1/messages/query")).json()["messages"]
        assert messages[0]["media"] == [url]
        for media in ([url] * 6, ["https://h/" + "x" * 3000]):
            await peer.send("chat_message", content="look", media=media, clientMessageId="m")
            error = await peer.receive()
            assert (error["type"], error["data"]["errorCode"]) == ("error", "TOO_MANY_FILES")
            assert error["data"]["details"] == {"clientMessageId": "m"}


@pytest.mark.parametrize(
    ("files", "data", "status", "code"),
    [
        ([("file", file(b"x" * 1001))], {}, 413, "FILE_TOO_LARGE"),
        ([("files", file())] * 3, {}, 413, "TOO_MANY_FILES"),
        ([("files", file(b"x" * 900))] * 30, {}, 413, "TOO_MANY_FILES"),
        ([("file", file())] * 2, {}, 400, "INVALID_REQUEST"),
        ([("file", file()), ("files", file())], {}, 400, "INVALID_REQUEST"),
        ([("other", file())], {}, 400, "INVALID_REQUEST"),
        ([("file", file())], {"folder": "../../etc"}, 400, "INVALID_FOLDER"),
        ([("file", file())], {"folder": "/etc"}, 400, "INVALID_FOLDER"),
        ([("file", file())], {"folder": "x" * 2000}, 400, "INVALID_REQUEST"),
    ],
)
async def test_what_is_not_taken(files: Any, data: Any, status: int, code: str) -> None:
    async with running_server(SMALL) as server, http_client(server) as http:
        answer = await http.post(UPLOAD, files=files, data=data)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert len(server._state.uploads) == 0
        assert (await http.post(UPLOAD, files={"file": file()})).status_code == 200


async def test_what_is_no_form_is_not_taken() -> None:
    async with running_server(SMALL) as server, http_client(server) as http:
        for content, kind in (
            (b"{}", "application/json"),
            (b"x", "multipart/form-data; boundary=B"),
            (b"", "multipart/form-data; boundary=B"),
            (b"x", "multipart/form-data"),
        ):
            answer = await http.post(UPLOAD, content=content, headers={"content-type": kind})
            assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_nothing_is_read_from_those_without_credentials() -> None:
    async with running_server() as server:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as nobody:
            answer = await nobody.post(UPLOAD, files={"file": file(b"x" * 5_000_000)})
            assert (answer.status_code, answer.json()["code"]) == (401, "AUTH_MISSING")


class Sending:
    """An upload that stops half-way."""

    def __init__(self, port: int, auth: Credentials) -> None:
        self._port = port
        self._auth = auth

    async def __aenter__(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(
            b"POST /api/v1/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n"
            b"Content-Type: multipart/form-data; boundary=B\r\n"
            + f"x-oddle-mp-auth-token: {self._auth.token}\r\n".encode()
            + f"x-oddle-chat-server-key: {self._auth.key}\r\n\r\n--B\r\n".encode()
        )
        await self._writer.drain()
        return reader

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def test_an_upload_that_does_not_go_on_is_ended() -> None:
    async with running_server(SMALL) as server:
        async with Sending(int(server.url.rpartition(":")[2]), server.auth) as reader:
            async with asyncio.timeout(5):
                answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_user_has_so_many_uploads_at_once() -> None:
    config = replace(TWO_USERS, upload_timeout=30)
    async with (
        running_server(config) as server,
        http_client(server, AS_ANN) as ann,
        http_client(server, AS_BOB) as bob,
    ):
        port = int(server.url.rpartition(":")[2])

        async def upload(http: httpx.AsyncClient) -> httpx.Response:
            return await http.post(UPLOAD, files={"file": file()})

        async with Sending(port, AS_ANN):
            async with Sending(port, AS_ANN):
                async with asyncio.timeout(5):
                    while (answer := await upload(ann)).status_code == 200:
                        pass  # the two have not arrived yet
                assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
                assert answer.headers["retry-after"] == "1"
                assert (await upload(bob)).status_code == 200
        async with asyncio.timeout(5):
            while (await upload(ann)).status_code != 200:
                pass  # the server has not noticed yet that they broke off


async def test_all_files_together_are_bounded() -> None:
    config = ServerConfig(upload_space=3000, max_upload_bytes=1000)
    async with running_server(config) as server, http_client(server) as http:
        urls = [
            (await http.post(UPLOAD, files={"file": file(b"x" * 1000)})).json()["url"]
            for _ in range(4)
        ]
        statuses = [(await http.get(url)).status_code for url in urls]
        assert statuses[0] == 404
        assert statuses[-1] == 200
        assert server._state.uploads.size <= 3000 + len(server._state.uploads)


async def test_a_ticket_is_not_needed_to_upload_and_does_not_help() -> None:
    async with running_server() as server:
        ticket = await get_ticket(server)
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as nobody:
            answer = await nobody.post(UPLOAD, files={"file": file()}, params={"ticket": ticket})
            assert answer.status_code == 401
