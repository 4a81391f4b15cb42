/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsync(2), fdatasync(2), sync(2), syncfs(2), sync_file_range(2), readahead(2), fadvise64(2)
 *
 * covers: fsync, fdatasync, sync, syncfs, sync_file_range, readahead, fadvise64
 */
#include "files.h"

TEST(files_reach_the_disk)
{
    put("f", "x");
    int fd = open("f", O_RDWR), d = open(".", O_RDONLY);
    CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
    CHECK(fsync(d) == 0);
    CHECK(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED) == 0);
    CHECK(readahead(fd, 0, 1) == 0);
    sync();
    close(fd), close(d);
}

TEST(errors)
{
    int p[2], fd = open("f", O_RDWR), w = open("f", O_WRONLY);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(fsync(p[0]), EINVAL);
    CHECK_ERRNO(fdatasync(p[0]), EINVAL);
    CHECK_ERRNO(fsync(-1), EBADF);
    CHECK_ERRNO(syncfs(-1), EBADF);
    CHECK_ERRNO(sync_file_range(p[1], 0, 1, SYNC_FILE_RANGE_WRITE), ESPIPE);
    CHECK_ERRNO(sync_file_range(fd, -1, 1, SYNC_FILE_RANGE_WRITE), EINVAL);
    CHECK_ERRNO(sync_file_range(fd, 0, 1, 8), EINVAL);
    CHECK_ERRNO(sync_file_range(-1, 0, 1, 0), EBADF);
    CHECK_EQ(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
    CHECK_EQ(posix_fadvise(fd, 0, 0, 99), EINVAL);
    CHECK_EQ(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
    CHECK_EQ(posix_fadvise(-1, 0, 0, 0), EBADF);
    CHECK_ERRNO(readahead(w, 0, 1), EBADF);
    CHECK_ERRNO(readahead(p[0], 0, 1), EINVAL);
    close(p[0]), close(p[1]), close(fd), close(w);
}

FILES_MAIN
