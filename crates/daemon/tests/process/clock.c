/* Shifts the wall clock of a program that was started with this in LD_PRELOAD by the seconds in the file $CLOCK_SHIFT. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
  int failed = (int)syscall(SYS_clock_gettime, id, now);
  const char *path = getenv("CLOCK_SHIFT");
  if (failed || id != CLOCK_REALTIME || !path) return failed;
  char text[32] = {0};
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  if (read(file, text, sizeof text - 1) > 0) now->tv_sec += atol(text);
  close(file);
  return 0;
}
