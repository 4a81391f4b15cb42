"""multiprocessing with fork and with spawn: pools, queues, shared memory, managers, pipes."""
import multiprocessing as mp
from multiprocessing import shared_memory
import os


def square(x):
    return x * x


def add(value, lock, n):
    for _ in range(n):
        with lock:
            value.value += 1


def write_shared(name, start):
    m = shared_memory.SharedMemory(name)
    for i in range(start, start + 100):
        m.buf[i] = i % 251
    m.close()


def talk(connection):
    connection.send([os.getppid(), "hello"])
    assert connection.recv() == b"x" * 100000
    connection.close()


def main():
    for method in ("fork", "spawn", "forkserver"):
        c = mp.get_context(method)
        with c.Pool(3) as pool:
            assert pool.map(square, range(100)) == [i * i for i in range(100)]
            assert pool.apply_async(square, (7,)).get(30) == 49
        value, lock = c.Value("i", 0), c.Lock()
        workers = [c.Process(target=add, args=(value, lock, 200)) for _ in range(3)]
        [w.start() for w in workers]
        [w.join() for w in workers]
        assert value.value == 600 and all(w.exitcode == 0 for w in workers)
        here, there = c.Pipe()
        p = c.Process(target=talk, args=(there,))
        p.start()
        assert here.recv()[1] == "hello"
        here.send(b"x" * 100000)
        p.join()
        assert p.exitcode == 0
        q = c.Queue()
        p = c.Process(target=q.put, args=("through a queue",))
        p.start()
        assert q.get(timeout=30) == "through a queue"
        p.join()
        shared = shared_memory.SharedMemory(create=True, size=4096)
        ps = [c.Process(target=write_shared, args=(shared.name, i * 100)) for i in range(3)]
        [p.start() for p in ps]
        [p.join() for p in ps]
        assert all(shared.buf[i] == i % 251 for i in range(300))
        shared.close()
        shared.unlink()
        print(method, "ok")
    with mp.Manager() as manager:
        d = manager.dict(a=1)
        p = mp.Process(target=d.update, args=({"b": 2},))
        p.start()
        p.join()
        assert dict(d) == {"a": 1, "b": 2}
    print("manager ok")


if __name__ == "__main__":
    main()
