"""asyncio: timers, subprocesses, unix sockets, signals, threads; selectors over pipes."""
import asyncio, os, selectors, signal, socket, tempfile


async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def client(path, n):
    reader, writer = await asyncio.open_unix_connection(path)
    for i in range(20):
        writer.write(b"line %d %d\n" % (n, i))
        await writer.drain()
        assert await reader.readline() == b"LINE %d %d\n" % (n, i)
    writer.close()
    await writer.wait_closed()


async def main():
    order = []

    async def later(n):
        await asyncio.sleep(n / 20)
        order.append(n)

    await asyncio.gather(*(later(n) for n in (5, 3, 1, 2, 4)))
    assert order == [1, 2, 3, 4, 5]

    with tempfile.TemporaryDirectory() as d:
        server = await asyncio.start_unix_server(echo, d + "/s")
        await asyncio.gather(*(client(d + "/s", n) for n in range(10)))
        server.close()
        await server.wait_closed()

    p = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=-1, stdout=-1)
    assert (await p.communicate(b"shout"))[0] == b"SHOUT"
    ps = [await asyncio.create_subprocess_shell("sleep 0.1; exit %d" % i) for i in range(5)]
    assert await asyncio.gather(*(p.wait() for p in ps)) == list(range(5))

    got = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, got.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.wait_for(got.wait(), 10)

    assert await asyncio.to_thread(sum, range(1000)) == 499500
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.1)
        assert False
    except asyncio.TimeoutError:
        pass
    r, w = os.pipe()
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(r, lambda: future.done() or future.set_result(os.read(r, 9)))
    os.write(w, b"readable")
    assert await future == b"readable"


asyncio.run(main())
for kind in (selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector):
    a, b = socket.socketpair()
    s = kind()
    s.register(a, selectors.EVENT_READ, "a")
    assert s.select(0) == []
    b.send(b"x")
    assert s.select(5)[0][0].data == "a"
    s.modify(a, selectors.EVENT_WRITE)
    assert s.select(5)[0][1] == selectors.EVENT_WRITE
    s.close()
print("asyncio ok")
