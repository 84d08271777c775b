/* Counts what a process asks the disk to make durable: a line of SYNCS_FILE for each call, with the file that it is about.
   A library that `cargo xtask bench` preloads into the daemon. Calls that do not go through libc are not seen; the daemon's durable
   files are written by SQLite and std, which do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void note(const char *what, int fd) {
    static int file = -1;
    char link[64], path[512], line[640];
    if (file < 0) {
        const char *name = getenv("SYNCS_FILE");
        if (!name) return;
        file = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (file < 0) return;
    }
    ssize_t len = 0;
    if (fd >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        len = readlink(link, path, sizeof path - 1);
    }
    path[len > 0 ? len : 0] = 0;
    int n = snprintf(line, sizeof line, "%s %s\n", what, path);
    if (n > 0 && write(file, line, (size_t)n) < 0) abort();
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    note("fsync", fd);
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    note("fdatasync", fd);
    return real(fd);
}

int sync_file_range(int fd, off64_t offset, off64_t len, unsigned int flags) {
    static int (*real)(int, off64_t, off64_t, unsigned int);
    if (!real) real = (int (*)(int, off64_t, off64_t, unsigned int))dlsym(RTLD_NEXT, "sync_file_range");
    note("sync_file_range", fd);
    return real(fd, offset, len, flags);
}

int syncfs(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "syncfs");
    note("syncfs", fd);
    return real(fd);
}

int msync(void *address, size_t len, int flags) {
    static int (*real)(void *, size_t, int);
    if (!real) real = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    note("msync", -1);
    return real(address, len, flags);
}
