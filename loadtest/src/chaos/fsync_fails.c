/* Preloaded into the gateway by a test: every fsync and fdatasync fails with EIO once the file
 * named by TOLLGATE_TEST_FSYNC_FAILS exists. The data stays in the page cache, as on a disk that
 * reports a lost write once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
    const char *trigger = getenv("TOLLGATE_TEST_FSYNC_FAILS");
    return trigger != NULL && access(trigger, F_OK) == 0;
}

int fdatasync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    int (*next)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");
    return next(fd);
}

int fsync(int fd) {
    if (fails()) { errno = EIO; return -1; }
    int (*next)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");
    return next(fd);
}
