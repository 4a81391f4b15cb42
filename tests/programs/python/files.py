"""The standard library's own view of a file system: tempfile, shutil, pathlib, glob, locks, zipfile, os.walk."""
import errno, fcntl, glob, os, pathlib, shutil, stat, tempfile, zipfile

top = pathlib.Path(tempfile.mkdtemp())
for i in range(5):
    d = top / ("d%d" % i)
    d.mkdir()
    for j in range(20):
        (d / ("f%02d.txt" % j)).write_text("%d %d\n" % (i, j))
assert len(glob.glob(str(top / "*/*.txt"))) == 100
assert sum(len(files) for _, _, files in os.walk(top)) == 100
shutil.make_archive(str(top / "all"), "zip", top, "d0")
assert len(zipfile.ZipFile(top / "all.zip").namelist()) >= 20
shutil.copytree(top / "d0", top / "copy")
assert (top / "copy" / "f03.txt").read_text() == "0 3\n"
shutil.move(top / "copy", top / "moved")
os.replace(top / "moved" / "f00.txt", top / "moved" / "f01.txt")
assert sorted(os.listdir(top / "moved"))[0] == "f01.txt"
(top / "link").symlink_to("d1")
assert (top / "link" / "f00.txt").read_text() == "1 0\n" and (top / "link").resolve() == (top / "d1").resolve()
os.link(top / "d1/f00.txt", top / "hard")
assert os.stat(top / "hard").st_nlink == 2 and os.path.samefile(top / "hard", top / "d1/f00.txt")
os.utime(top / "hard", ns=(1_000_000_007, 2_000_000_009))
assert os.stat(top / "hard").st_mtime_ns == 2_000_000_009
os.chmod(top / "hard", 0o751)
assert stat.S_IMODE(os.stat(top / "d1/f00.txt").st_mode) == 0o751
for call, code in ((lambda: os.rmdir(top / "d1"), errno.ENOTEMPTY), (lambda: os.mkdir(top), errno.EEXIST),
                   (lambda: os.open(top / "d1/f00.txt/x", 0), errno.ENOTDIR), (lambda: os.unlink(top / "none"), errno.ENOENT),
                   (lambda: os.open(top / ("n" * 256), 0), errno.ENAMETOOLONG), (lambda: os.rename(top, top / "d0/x"), errno.EINVAL),
                   (lambda: os.open(top / "d1", os.O_WRONLY), errno.EISDIR), (lambda: os.readlink(top / "d1"), errno.EINVAL)):
    try:
        call()
        assert False, code
    except OSError as e:
        assert e.errno == code, (e, code)
with open(top / "lock", "w") as a, open(top / "lock", "w") as b:
    fcntl.flock(a, fcntl.LOCK_EX)
    try:
        fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert False
    except BlockingIOError:
        pass
with open(top / "log", "ab", buffering=0) as f:
    for i in range(3000):
        f.write(b"%d\n" % i)
assert open(top / "log").read().split("\n")[2999] == "2999"
with open(top / "sparse", "wb") as f:
    f.seek(1 << 32)
    f.write(b"x")
assert os.stat(top / "sparse").st_size == (1 << 32) + 1 and os.stat(top / "sparse").st_blocks < 100000
fd = os.open(top, os.O_DIRECTORY)
assert sorted(os.listdir(fd)) == sorted(os.listdir(top))
x = os.open("inside", os.O_CREAT | os.O_RDWR, dir_fd=fd)
assert os.write(x, b"hello") == 5 and os.lseek(x, 0, 0) == 0 and os.sendfile(x, x, 0, 0) == 0
assert os.pread(x, 10, 1) == b"ello"
os.ftruncate(x, 2)
assert os.fstat(x).st_size == 2
os.unlink("inside", dir_fd=fd)
assert os.fstat(x).st_nlink == 0 and os.pread(x, 2, 0) == b"he"
names = ["ä", "日本", " space", "new\nline", "-dash"]
for n in names:
    (top / "d2" / n).touch()
assert set(names) < set(os.listdir(top / "d2"))
deep = top / "/".join(["x" * 50] * 40)
deep.mkdir(parents=True)
(deep / "bottom").write_text("here")
assert (deep / "bottom").read_text() == "here"
shutil.rmtree(top)
assert not top.exists()
print("files ok")
