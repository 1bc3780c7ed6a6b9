"""The fault proxy: each fault as both sides see it, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import socket
import struct
import time
from collections.abc import AsyncIterator

import pytest

from tests.integration.client_support import until
from tests.serving import Peer, get_ticket, running_server, spoken
from tui_chat import ConfigurationError
from tui_chat.testing import FaultProxy, Faults, Flow, SlowStart

SOON = 5.0
"""Seconds after which something that ought to happen did not."""


class EchoServer:
    """Sends back what it gets; knows what came and how each connection ended."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[bytes] = []
        self.endings: list[str] = []
        self._writers: list[asyncio.StreamWriter] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls) -> AsyncIterator[EchoServer]:
        echo = cls()
        server = await asyncio.start_server(echo._serve, "127.0.0.1", 0)
        echo.port = server.sockets[0].getsockname()[1]
        try:
            yield echo
        finally:
            server.close()
            echo.drop()
            await until(lambda: len(echo.endings) == len(echo._writers))
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index = len(self._writers)
        self._writers.append(writer)
        self.received.append(b"")
        ending = "eof"
        try:
            while data := await reader.read(65536):
                self.received[index] += data
                writer.write(data)
                await writer.drain()
        except OSError:
            ending = "reset"
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.endings.append(ending)

    def drop(self) -> None:
        for writer in self._writers:
            writer.close()

    def reset(self) -> None:
        for writer in self._writers:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


class Client:
    """A plain TCP client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, port: int) -> AsyncIterator[Client]:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        try:
            yield client
        finally:
            client.writer.transport.abort()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, count: int) -> bytes:
        async with asyncio.timeout(SOON):
            return await self.reader.readexactly(count)

    async def piece(self) -> bytes:
        async with asyncio.timeout(SOON):
            return await self.reader.read(65536)

    async def ask(self, data: bytes) -> bytes:
        await self.send(data)
        return await self.receive(len(data))

    async def to_the_end(self) -> tuple[bytes, str]:
        """Return all that comes, and how it ended."""
        received = b""
        async with asyncio.timeout(SOON):
            try:
                while data := await self.reader.read(65536):
                    received += data
            except ConnectionResetError:
                return received, "reset"
        return received, "eof"

    async def hears_nothing(self, seconds: float = 0.1) -> bool:
        """Say that neither a byte nor an end comes for a while; a fault that is an absence."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def echo() -> AsyncIterator[EchoServer]:
    async with EchoServer.running() as server:
        yield server


@pytest.fixture
async def proxy(echo: EchoServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.running("127.0.0.1", echo.port) as running:
        yield running


# -- nothing goes wrong ---------------------------------------------------------------------------


async def test_without_faults_everything_arrives(proxy: FaultProxy, echo: EchoServer) -> None:
    data = random.Random(1).randbytes(2_000_000)
    async with Client.connected(proxy.port) as client:
        sending = asyncio.create_task(client.send(data))
        assert await client.receive(len(data)) == data
        await sending
        assert proxy.open_connections == 1
    await until(lambda: proxy.open_connections == 0)
    assert echo.received == [data]
    assert (proxy.counters.bytes_up, proxy.counters.bytes_down) == (len(data), len(data))
    assert proxy.counters.accepted == 1
    assert proxy.counters.faults == {}


async def test_a_closed_half_is_passed_on_and_the_other_half_lives(
    proxy: FaultProxy, echo: EchoServer
) -> None:
    async with Client.connected(proxy.port) as client:
        await client.send(b"last words")
        client.writer.write_eof()
        assert await client.to_the_end() == (b"last words", "eof")
    await until(lambda: echo.endings == ["eof"])


async def test_a_reset_of_either_side_reaches_the_other(
    proxy: FaultProxy, echo: EchoServer
) -> None:
    async with Client.connected(proxy.port) as client:
        await client.ask(b"a")
        echo.reset()
        assert await client.to_the_end() == (b"", "reset")
    await until(lambda: proxy.open_connections == 0)
    async with Client.connected(proxy.port) as client:
        await client.ask(b"a")
        linger = struct.pack("ii", 1, 0)
        client.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        client.writer.transport.abort()
        await until(lambda: len(echo.endings) == 2)
    assert echo.endings[1] == "reset"


async def test_a_server_that_is_not_there_looks_like_accepted_and_closed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with FaultProxy.running("127.0.0.1", unused.getsockname()[1]) as proxy:
            async with Client.connected(proxy.port) as client:
                assert await client.to_the_end() == (b"", "eof")
            assert proxy.counters.faults == {"upstream_unreachable": 1}


# -- slow -----------------------------------------------------------------------------------------


async def test_latency_delays_each_way_and_does_not_add_up(proxy: FaultProxy) -> None:
    proxy.faults = Faults(latency=0.1)
    async with Client.connected(proxy.port) as client:
        start = time.monotonic()
        for number in range(20):
            await client.send(bytes([number]))
            await asyncio.sleep(0.005)  # so that they travel as pieces
        assert await client.receive(20) == bytes(range(20))
        took = time.monotonic() - start
    assert took >= 0.2
    assert took < 2.0, "twenty pieces are on the way at the same time"
    assert proxy.counters.faults["latency"] >= 2


async def test_latency_of_one_direction(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.faults = Faults(down=Flow(latency=0.3))
    async with Client.connected(proxy.port) as client:
        start = time.monotonic()
        await client.send(b"x")
        await until(lambda: echo.received == [b"x"])
        arrived = time.monotonic() - start
        await client.receive(1)
        assert arrived < 0.3 <= time.monotonic() - start


async def test_faults_change_while_a_connection_is_open(proxy: FaultProxy) -> None:
    async with Client.connected(proxy.port) as client:
        assert await client.ask(b"quick") == b"quick"
        proxy.faults = Faults(up=Flow(latency=0.15))
        start = time.monotonic()
        await client.ask(b"slow")
        assert time.monotonic() - start >= 0.15
        proxy.faults = Faults()
        before = proxy.counters.faults["latency"]
        await client.ask(b"quick again")
        assert proxy.counters.faults["latency"] == before


async def test_jitter_keeps_the_order_and_is_drawn_from_the_rng(echo: EchoServer) -> None:
    class Draws(random.Random):
        drawn = 0

        def random(self) -> float:
            self.drawn += 1
            return super().random()

    rng = Draws(7)
    async with FaultProxy.running(
        "127.0.0.1", echo.port, faults=Faults(jitter=0.02), rng=rng
    ) as proxy:
        async with Client.connected(proxy.port) as client:
            for number in range(50):
                await client.send(bytes([number]))
                await asyncio.sleep(0)
            assert await client.receive(50) == bytes(range(50))
    assert rng.drawn >= 2


async def test_bandwidth(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.faults = Faults(up=Flow(bandwidth=100_000))
    async with Client.connected(proxy.port) as client:
        start = time.monotonic()
        await client.ask(bytes(20_000))
        assert time.monotonic() - start >= 0.2
    assert proxy.counters.faults["bandwidth"] >= 10


async def test_a_slow_start_waits_and_dribbles(proxy: FaultProxy) -> None:
    proxy.faults = Faults(slow_start=SlowStart(delay=0.1, count=4, interval=0.03))
    async with Client.connected(proxy.port) as client:
        start = time.monotonic()
        await client.send(b"HTTP/1.1 200")
        pieces = [await client.piece() for _ in range(4)]
        took = time.monotonic() - start
        assert pieces == [b"H", b"T", b"T", b"P"]
        assert took >= 0.1 + 3 * 0.03
        assert await client.receive(8) == b"/1.1 200"
        assert await client.ask(b"not slow any more") == b"not slow any more"
    assert proxy.counters.faults == {"slow_start": 1}


async def test_a_slow_start_may_take_several_pieces(proxy: FaultProxy) -> None:
    proxy.faults = Faults(slow_start=SlowStart(count=5, interval=0.03))
    async with Client.connected(proxy.port) as client:
        await client.ask(b"ab")
        await client.send(b"cdefg")
        pieces = [await client.piece() for _ in range(3)]
        assert pieces == [b"c", b"d", b"e"]
        assert await client.receive(2) == b"fg"
    assert proxy.counters.faults == {"slow_start": 1}


# -- cut off --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_cut_after_so_many_bytes_of_the_answer(proxy: FaultProxy, ending: str) -> None:
    proxy.faults = Faults(down=Flow(cut_after=1000, ending=ending))  # type: ignore[arg-type]
    async with Client.connected(proxy.port) as client:
        await client.send(bytes(5000))
        received, how = await client.to_the_end()
    assert len(received) == 1000
    assert how == {"close": "eof", "reset": "reset"}[ending]
    assert proxy.counters.bytes_down == 1000
    assert proxy.counters.faults == {"cut": 1}


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_cut_after_so_many_bytes_of_the_question(
    proxy: FaultProxy, echo: EchoServer, ending: str
) -> None:
    proxy.faults = Faults(up=Flow(cut_after=1000, ending=ending))  # type: ignore[arg-type]
    async with Client.connected(proxy.port) as client:
        await client.send(bytes(5000))
        _, how = await client.to_the_end()
        assert how == {"close": "eof", "reset": "reset"}[ending]
        await until(lambda: echo.endings)
    assert echo.received == [bytes(1000)]
    assert echo.endings == [{"close": "eof", "reset": "reset"}[ending]]


async def test_cut_counts_what_an_open_connection_has_passed_already(proxy: FaultProxy) -> None:
    async with Client.connected(proxy.port) as client:
        await client.ask(bytes(700))
        proxy.faults = Faults(down=Flow(cut_after=1000))
        await client.send(bytes(700))
        assert await client.to_the_end() == (bytes(300), "eof")
    await until(lambda: proxy.open_connections == 0)
    async with Client.connected(proxy.port) as client:  # each connection has its own count
        await client.ask(bytes(900))


async def test_reset_all(proxy: FaultProxy, echo: EchoServer) -> None:
    async with Client.connected(proxy.port) as one, Client.connected(proxy.port) as two:
        await one.ask(b"1")
        await two.ask(b"2")
        assert proxy.reset_all() == 2
        assert await one.to_the_end() == (b"", "reset")
        assert await two.to_the_end() == (b"", "reset")
        await until(lambda: echo.endings == ["reset", "reset"])
    assert proxy.counters.faults == {"reset": 2}
    async with Client.connected(proxy.port) as client:
        assert await client.ask(b"later") == b"later"


# -- silence --------------------------------------------------------------------------------------


async def test_half_open_passes_on_nothing_not_even_the_end(
    proxy: FaultProxy, echo: EchoServer
) -> None:
    async with Client.connected(proxy.port) as client, Client.connected(proxy.port) as other:
        await client.ask(b"before")
        await other.ask(b"before")
        assert proxy.half_open() == 2
        await client.send(b"lost")
        echo.drop()
        assert await client.hears_nothing()
        assert echo.received == [b"before", b"before"]
        async with Client.connected(proxy.port) as fresh:
            assert await fresh.ask(b"new") == b"new", "new connections work"
    assert proxy.counters.faults == {"half_open": 2}


async def test_a_server_that_resets_a_half_open_connection_stays_unheard(
    proxy: FaultProxy, echo: EchoServer
) -> None:
    async with Client.connected(proxy.port) as client:
        await client.ask(b"before")
        proxy.half_open()
        echo.reset()
        await until(lambda: echo.endings)
        assert await client.hears_nothing()
        proxy.resume()
        assert await client.to_the_end() == (b"", "reset")


async def test_a_half_open_connection_can_live_again(proxy: FaultProxy, echo: EchoServer) -> None:
    async with Client.connected(proxy.port) as client:
        await client.ask(b"before")
        proxy.half_open()
        await client.send(b"late")
        assert await client.hears_nothing(0.05)
        proxy.resume()
        assert await client.receive(4) == b"late"
        assert echo.received == [b"beforelate"]


async def test_a_black_hole_swallows_and_never_answers(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.faults = Faults(mode="black_hole")
    async with Client.connected(proxy.port) as client:
        await client.send(bytes(3_000_000))
        assert await client.hears_nothing()
        assert echo.received == []
        assert proxy.counters.faults == {"black_hole": 1}
        proxy.reset_all()
        assert await client.to_the_end() == (b"", "reset")


# -- nobody there ---------------------------------------------------------------------------------


async def test_refuse_and_accept_on_the_same_port(proxy: FaultProxy) -> None:
    port = proxy.port
    async with Client.connected(port) as client:
        await client.ask(b"before")
        await proxy.refuse()
        await proxy.refuse()
        assert not proxy.is_listening
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert await client.ask(b"still here") == b"still here"
        await proxy.accept()
        await proxy.accept()
        assert proxy.port == port
        async with Client.connected(port) as again:
            assert await again.ask(b"again") == b"again"


async def test_nobody_else_gets_the_port_meanwhile(proxy: FaultProxy) -> None:
    await proxy.refuse()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", proxy.port))


async def test_accept_then_close(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.faults = Faults(mode="accept_close")
    async with Client.connected(proxy.port) as client:
        assert await client.to_the_end() == (b"", "eof")
    assert echo.received == []
    assert proxy.counters.faults == {"accept_close": 1}


async def test_a_close_is_not_a_reset_for_a_client_that_has_spoken(proxy: FaultProxy) -> None:
    proxy.faults = Faults(mode="accept_close")
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.sendall(bytes(100_000))  # is there before the proxy has run at all
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(SOON):
            assert await loop.sock_recv(client, 1) == b""
            for _ in range(5):  # after an RST the second of these at the latest would fail
                await loop.sock_sendall(client, b"x")
                await asyncio.sleep(0.005)


async def test_accept_then_reset(proxy: FaultProxy, echo: EchoServer) -> None:
    proxy.faults = Faults(mode="accept_reset")
    async with Client.connected(proxy.port) as client:
        assert await client.to_the_end() == (b"", "reset")
    assert echo.received == []
    assert proxy.counters.faults == {"accept_reset": 1}


# -- the end --------------------------------------------------------------------------------------


async def test_leaving_ends_connections_in_every_state(echo: EchoServer) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with FaultProxy.running("127.0.0.1", echo.port) as proxy:
            clients = []
            for faults in (
                Faults(latency=600),
                Faults(bandwidth=1),
                Faults(slow_start=SlowStart(delay=600)),
                Faults(mode="black_hole"),
                Faults(tls="good"),
                Faults(tls="plain"),
                Faults(),
            ):
                proxy.faults = faults
                client = await stack.enter_async_context(Client.connected(proxy.port))
                clients.append(client)
                accepted = len(clients)
                await until(lambda: proxy.counters.accepted == accepted)  # noqa: B023 - at once
                if faults.tls is None:
                    await client.send(bytes(1000))
            proxy.half_open()
            await proxy.refuse()
            start = time.monotonic()
        assert time.monotonic() - start < 2
        for client in clients:
            received, _ = await client.to_the_end()
            assert len(received) <= 1000


async def test_a_connection_accepted_at_the_last_moment_is_closed(echo: EchoServer) -> None:
    for turns in range(6):
        async with FaultProxy.running("127.0.0.1", echo.port) as proxy:
            for _ in range(5):
                await asyncio.sleep(0)  # it waits for connections now
            client = socket.create_connection(("127.0.0.1", proxy.port), 5)
            for _ in range(turns):
                await asyncio.sleep(0)
        with client:
            client.settimeout(5)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
    gc.collect()  # a socket that was forgotten complains when it is collected


async def test_a_mistake_inside_is_reported_not_taken_for_a_fault(echo: EchoServer) -> None:
    class Broken(random.Random):
        def random(self) -> float:
            raise ZeroDivisionError

    reported: list[BaseException] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with FaultProxy.running(
        "127.0.0.1", echo.port, faults=Faults(jitter=1), rng=Broken()
    ) as proxy:
        async with Client.connected(proxy.port) as client:
            await client.send(b"x")
            await until(lambda: reported)
            assert await client.to_the_end() == (b"", "eof")
    assert [type(error) for error in reported] == [ZeroDivisionError]


# -- what makes no sense --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Faults(latency=-1), "latency"),
        (lambda: Faults(latency=float("nan")), "latency"),
        (lambda: Faults(jitter=1e9), "jitter"),
        (lambda: Faults(bandwidth=0), "bandwidth"),
        (lambda: Faults(mode="explode"), "black_hole"),  # type: ignore[arg-type]
        (lambda: Faults(tls="sometimes"), "expired"),  # type: ignore[arg-type]
        (lambda: Flow(cut_after=-1), "cut_after"),
        (lambda: Flow(ending="bang"), "reset"),  # type: ignore[arg-type]
        (lambda: SlowStart(count=-1), "count"),
        (lambda: FaultProxy("127.0.0.1", 1, host="0.0.0.0"), "loopback"),
        (lambda: FaultProxy("127.0.0.1", 1, host="example.com"), "loopback"),
        (lambda: FaultProxy.in_front_of("ftp://x"), "http"),
    ],
)
async def test_what_makes_no_sense_is_refused(make: object, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make()  # type: ignore[operator]


async def test_a_port_that_is_taken(proxy: FaultProxy) -> None:
    with pytest.raises(ConfigurationError, match=str(proxy.port)) as raised:
        async with FaultProxy.running("127.0.0.1", 1, port=proxy.port):
            pass
    assert raised.value.code == "CANNOT_LISTEN"


# -- a chat through it ----------------------------------------------------------------------------


async def test_a_chat_goes_through_it() -> None:
    async with running_server() as server, FaultProxy.in_front_of(server.url) as proxy:
        ticket = await get_ticket(server)
        direct, server.url = server.url, proxy.url
        try:
            async with Peer.connected(server, ticket) as peer:
                assert (await peer.receive())["type"] == "session_established"
                assert spoken(await peer.ask("hello"))
                proxy.reset_all()
                assert await peer.closed() == 1006
        finally:
            server.url = direct
