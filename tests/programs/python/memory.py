"""mmap: private, shared, of files, across fork; big heaps; memory that goes back."""
import array, mmap, os, tempfile

with tempfile.TemporaryFile() as f:
    f.write(b"a" * 10000)
    f.flush()
    shared = mmap.mmap(f.fileno(), 0)
    private = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    shared[5000] = ord("b")
    f.seek(5000)
    assert f.read(1) == b"b"
    private[0] = ord("z")
    f.seek(0)
    assert f.read(1) == b"a" and private[0] == ord("z")
    os.pwrite(f.fileno(), b"w", 9999)
    assert shared[9999] == ord("w")
    shared.resize(20000)
    assert os.fstat(f.fileno()).st_size == 20000
    shared[19999] = 1
    shared.flush()
    assert os.pread(f.fileno(), 1, 19999) == b"\x01"
    assert shared.find(b"w") == 9999
    shared.move(0, 5000, 1)
    assert shared[0] == ord("b")

anonymous = mmap.mmap(-1, 1 << 20)
if os.fork() == 0:
    anonymous[12345] = 7
    os._exit(0)
os.wait()
assert anonymous[12345] == 7

private = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
private[0] = 1
if os.fork() == 0:
    private[0] = 2
    os._exit(private[0])
assert os.waitstatus_to_exitcode(os.wait()[1]) == 2 and private[0] == 1
private.madvise(mmap.MADV_DONTNEED)
assert private[0] == 0

# 100 MB written in every page, seen by a forked child, freed; twice
for _ in range(2):
    big = bytearray(100 << 20)
    for i in range(0, len(big), 4096):
        big[i] = i >> 12 & 255
    pid = os.fork()
    if pid == 0:
        ok = all(big[i] == i >> 12 & 255 for i in range(0, len(big), 1 << 16))
        os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    del big
# a thousand small ones
maps = [mmap.mmap(-1, 8192) for _ in range(1000)]
for i, m in enumerate(maps):
    m[4096] = i & 255
assert all(m[4096] == i & 255 for i, m in enumerate(maps))
[m.close() for m in maps[::2]]
assert maps[501][4096] == 501 & 255
a = array.array("d", range(1000000))
assert sum(a) == 499999500000.0
rss = [int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS")][0]
assert 5000 < rss < 400000, rss
assert any("[stack]" in l for l in open("/proc/self/maps"))
fd = os.memfd_create("m")
os.ftruncate(fd, 8192)
m = mmap.mmap(fd, 8192)
m[:4] = b"memo"
assert os.pread(fd, 4, 0) == b"memo"
print("memory ok")
