"""Threads: locks, conditions, queues, thread-local state, many at once, the end of a program that has some."""
import concurrent.futures, queue, threading, time

count, lock = 0, threading.Lock()


def add():
    global count
    for _ in range(1000):
        with lock:
            count += 1


threads = [threading.Thread(target=add) for _ in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
assert count == 16000, count

q, results = queue.Queue(maxsize=3), []


def consume():
    while (item := q.get()) is not None:
        results.append(item * item)
        q.task_done()


consumers = [threading.Thread(target=consume) for _ in range(4)]
[t.start() for t in consumers]
[q.put(i) for i in range(200)]
q.join()
[q.put(None) for _ in consumers]
[t.join() for t in consumers]
assert sorted(results) == [i * i for i in range(200)]

# Ping-pong over a condition: each wait is a futex.
turn, condition, log = 0, threading.Condition(), []


def player(me):
    global turn
    for _ in range(50):
        with condition:
            assert condition.wait_for(lambda: turn == me, timeout=20)
            log.append(me)
            turn = 1 - me
            condition.notify()


players = [threading.Thread(target=player, args=(i,)) for i in (0, 1)]
[t.start() for t in players]
[t.join() for t in players]
assert log == [0, 1] * 50

start = time.monotonic()
assert not threading.Event().wait(0.2)
assert 0.15 < time.monotonic() - start < 5
assert not lock.acquire() or not lock.acquire(timeout=0.1)

barrier = threading.Barrier(5)
with concurrent.futures.ThreadPoolExecutor(5) as pool:
    assert sorted(pool.map(lambda i: (barrier.wait(20), i)[1], range(5))) == list(range(5))

timer = threading.Timer(0.05, lambda: log.append("timer"))
timer.start()
timer.join()
assert log[-1] == "timer"
assert len({t for t in concurrent.futures.ThreadPoolExecutor(3).map(lambda _: (time.sleep(0.1), threading.get_native_id())[1], range(3))}) == 3

# Two hundred threads one after the other: nothing may pile up.
for _ in range(200):
    t = threading.Thread(target=lambda: None)
    t.start()
    t.join()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("threads ok")
