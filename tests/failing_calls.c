/* Preloaded into a program, lets its system calls on files below a directory fail: with the error number in
 * FAIL_ERRNO, below FAIL_BELOW, for the calls that FAIL_CALLS names (of: open stat link list read). */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int below(const char *path)
{
	const char *root = getenv("FAIL_BELOW");
	size_t length = root ? strlen(root) : 0;
	return length && path && !strncmp(path, root, length) && (!path[length] || path[length] == '/');
}

static int chosen(const char *call)
{
	const char *calls = getenv("FAIL_CALLS");
	return calls && strstr(calls, call) != NULL;
}

static int fail(void)
{
	errno = atoi(getenv("FAIL_ERRNO"));
	return -1;
}

static int of_descriptor(int fd)
{
	char link[64], path[4096];
	ssize_t size;
	static ssize_t (*real)(const char *, char *, size_t);
	if (!real)
		real = dlsym(RTLD_NEXT, "readlink");
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	size = real(link, path, sizeof path - 1);
	if (size < 0)
		return 0;
	path[size] = 0;
	return below(path);
}

static int of_path(int fd, const char *name)
{
	char path[8192];
	if (!name || !getenv("FAIL_BELOW"))
		return 0;
	if (name[0] == '/')
		return below(name);
	if (fd != AT_FDCWD)
		return of_descriptor(fd);
	if (!getcwd(path, 4096))
		return 0;
	strcat(path, "/");
	strncat(path, name, 4000);
	return below(path);
}

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })
#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); \
	mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...)
{
	MODE(flags)
	return chosen("open") && of_path(AT_FDCWD, path) ? fail() : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
	MODE(flags)
	return chosen("open") && of_path(AT_FDCWD, path) ? fail() : REAL(open64)(path, flags, mode);
}
int openat(int fd, const char *path, int flags, ...)
{
	MODE(flags)
	return chosen("open") && of_path(fd, path) ? fail() : REAL(openat)(fd, path, flags, mode);
}
int openat64(int fd, const char *path, int flags, ...)
{
	MODE(flags)
	return chosen("open") && of_path(fd, path) ? fail() : REAL(openat64)(fd, path, flags, mode);
}
FILE *fopen(const char *path, const char *mode)
{
	return chosen("open") && of_path(AT_FDCWD, path) ? (fail(), NULL) : REAL(fopen)(path, mode);
}
FILE *fopen64(const char *path, const char *mode)
{
	return chosen("open") && of_path(AT_FDCWD, path) ? (fail(), NULL) : REAL(fopen64)(path, mode);
}
int stat(const char *path, struct stat *found)
{
	return chosen("stat") && of_path(AT_FDCWD, path) ? fail() : REAL(stat)(path, found);
}
int stat64(const char *path, struct stat64 *found)
{
	return chosen("stat") && of_path(AT_FDCWD, path) ? fail() : REAL(stat64)(path, found);
}
int lstat(const char *path, struct stat *found)
{
	return chosen("stat") && of_path(AT_FDCWD, path) ? fail() : REAL(lstat)(path, found);
}
int lstat64(const char *path, struct stat64 *found)
{
	return chosen("stat") && of_path(AT_FDCWD, path) ? fail() : REAL(lstat64)(path, found);
}
int fstat(int fd, struct stat *found)
{
	return chosen("stat") && of_descriptor(fd) ? fail() : REAL(fstat)(fd, found);
}
int fstat64(int fd, struct stat64 *found)
{
	return chosen("stat") && of_descriptor(fd) ? fail() : REAL(fstat64)(fd, found);
}
int fstatat(int fd, const char *path, struct stat *found, int flags)
{
	return chosen("stat") && of_path(fd, path) ? fail() : REAL(fstatat)(fd, path, found, flags);
}
int fstatat64(int fd, const char *path, struct stat64 *found, int flags)
{
	return chosen("stat") && of_path(fd, path) ? fail() : REAL(fstatat64)(fd, path, found, flags);
}
int access(const char *path, int mode)
{
	return chosen("stat") && of_path(AT_FDCWD, path) ? fail() : REAL(access)(path, mode);
}
ssize_t readlink(const char *path, char *target, size_t size)
{
	return chosen("link") && of_path(AT_FDCWD, path) ? fail() : REAL(readlink)(path, target, size);
}
ssize_t readlinkat(int fd, const char *path, char *target, size_t size)
{
	return chosen("link") && of_path(fd, path) ? fail() : REAL(readlinkat)(fd, path, target, size);
}
DIR *opendir(const char *path)
{
	return chosen("list") && of_path(AT_FDCWD, path) ? (fail(), NULL) : REAL(opendir)(path);
}
struct dirent64 *readdir64(DIR *directory)
{
	return chosen("list") && of_descriptor(dirfd(directory)) ? (fail(), NULL) : REAL(readdir64)(directory);
}
ssize_t read(int fd, void *data, size_t size)
{
	return chosen("read") && of_descriptor(fd) ? fail() : REAL(read)(fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t at)
{
	return chosen("read") && of_descriptor(fd) ? fail() : REAL(pread)(fd, data, size, at);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t at)
{
	return chosen("read") && of_descriptor(fd) ? fail() : REAL(pread64)(fd, data, size, at);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
	static void *(*real)(void *, size_t, int, int, int, off64_t);
	if (!real)
		real = dlsym(RTLD_NEXT, "mmap64");
	return fd >= 0 && chosen("read") && of_descriptor(fd) ? (fail(), (void *)-1) : real(at, size, protection, flags, fd, offset);
}
