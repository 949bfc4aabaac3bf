/*
 * Counts allocations and has one fail. What cannot be survived is spared, by
 * name:
 *
 * - libfcgi asserts that it got what it asked for, so a program that serves
 *   FastCGI ends there. It asks for some KiB for each request that it reads.
 * - libuv aborts where its table of watched descriptors cannot grow
 *   (maybe_resize), which is the one place where a loop calls realloc; and
 *   where its pool of threads cannot be made, which happens once, at the
 *   first use, and not in what is tried here.
 * - OpenSSL and the C library make tables at their first use, and give up for
 *   good where they cannot. Who tries allocations runs all of it once before.
 */
#include "allocator.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Where memory comes from: a sanitizer's functions, if one is there. */
extern __typeof__(malloc) __libc_malloc, __interceptor_malloc;
extern __typeof__(calloc) __libc_calloc, __interceptor_calloc;
extern __typeof__(realloc) __libc_realloc, __interceptor_realloc;
extern __typeof__(free) __libc_free, __interceptor_free;
extern __typeof__(memalign) __libc_memalign, __interceptor_memalign;
#ifdef SANITIZED
#define SYSTEM(name) __interceptor_##name
#else
#define SYSTEM(name) __libc_##name
#endif

/* They are called before a sanitizer has its tables for what it checks. */
#define UNCHECKED                                                              \
	__attribute__((no_sanitize_address, no_sanitize_thread,                \
		       no_sanitize_undefined))

static atomic_long asked, live, fails_at;
static atomic_bool armed, rest_fails, telling;
static _Thread_local int spared;
static uintptr_t fcgi_begin, fcgi_end;

/* ---- what fails ------------------------------------------------------- */

static void tell(long n)
{
	void *frames[32];

	spared++;
	dprintf(2, "allocation %ld fails:\n", n);
	backtrace_symbols_fd(frames, backtrace(frames, 32), 2);
	spared--;
}

UNCHECKED static bool fails(const void *caller)
{
	uintptr_t from = (uintptr_t)caller;
	long n, at;

	if (!atomic_load(&armed) || spared ||
	    (from >= fcgi_begin && from < fcgi_end))
		return false;
	n = atomic_fetch_add(&asked, 1) + 1;
	at = atomic_load(&fails_at);
	if (!at || n < at || (n > at && !atomic_load(&rest_fails)))
		return false;
	if (n == at && atomic_load(&telling))
		tell(n);
	errno = ENOMEM;
	return true;
}

UNCHECKED static void *counted(void *memory)
{
	if (memory)
		atomic_fetch_add(&live, 1);
	return memory;
}

#define CALLER __builtin_return_address(0)

/* ---- the functions ---------------------------------------------------- */

UNCHECKED void *malloc(size_t size)
{
	return fails(CALLER) ? NULL : counted(SYSTEM(malloc)(size));
}

UNCHECKED void *calloc(size_t n, size_t size)
{
	return fails(CALLER) ? NULL : counted(SYSTEM(calloc)(n, size));
}

UNCHECKED static void *resize(void *memory, size_t size, const void *caller)
{
	void *moved;

	if (fails(caller))
		return NULL;
	moved = SYSTEM(realloc)(memory, size);
	if (moved && !memory)
		atomic_fetch_add(&live, 1);
	else if (!moved && memory && !size)
		atomic_fetch_sub(&live, 1);
	return moved;
}

UNCHECKED void *realloc(void *memory, size_t size)
{
	return resize(memory, size, CALLER);
}

UNCHECKED void *reallocarray(void *memory, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return resize(memory, all, CALLER);
}

UNCHECKED void free(void *memory)
{
	if (memory)
		atomic_fetch_sub(&live, 1);
	SYSTEM(free)(memory);
}

UNCHECKED static void *align(size_t to, size_t size, const void *caller)
{
	return fails(caller) ? NULL : counted(SYSTEM(memalign)(to, size));
}

UNCHECKED void *memalign(size_t to, size_t size)
{
	return align(to, size, CALLER);
}

UNCHECKED void *aligned_alloc(size_t to, size_t size)
{
	return align(to, size, CALLER);
}

UNCHECKED int posix_memalign(void **memory, size_t to, size_t size)
{
	void *made = align(to, size, CALLER);

	if (!made)
		return ENOMEM;
	*memory = made;
	return 0;
}

/* Sanitizers have their own of these, which would not come by. */
UNCHECKED static char *copy(const char *text, size_t len, const void *caller)
{
	char *made = fails(caller) ? NULL : counted(SYSTEM(malloc)(len + 1));

	if (!made)
		return NULL;
	memcpy(made, text, len);
	made[len] = '\0';
	return made;
}

UNCHECKED char *strdup(const char *text)
{
	return copy(text, strlen(text), CALLER);
}

UNCHECKED char *strndup(const char *text, size_t most)
{
	return copy(text, strnlen(text, most), CALLER);
}

/* ---- what is spared --------------------------------------------------- */

#ifdef SANITIZED
static __typeof__(pthread_getattr_np) *system_getattr;

/* A sanitizer asks each new thread for its stack, and ends the program without
 * it. */
UNCHECKED int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
	int error;

	spared++;
	error = system_getattr(thread, attr);
	spared--;
	return error;
}

static void find_getattr(void)
{
	system_getattr = (__typeof__(system_getattr))dlsym(
		RTLD_NEXT, "pthread_getattr_np");
}
#else
static void find_getattr(void)
{
}
#endif

static void *resize_for_uv(void *memory, size_t size)
{
	void *moved = SYSTEM(realloc)(memory, size);

	if (moved && !memory)
		atomic_fetch_add(&live, 1);
	return moved;
}

static int find_fcgi(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "libfcgi"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		if (!fcgi_begin)
			fcgi_begin = at;
		fcgi_end = at + info->dlpi_phdr[i].p_memsz;
	}
	return 1;
}

void allocator_setup(void)
{
	void *frame;

	backtrace(&frame, 1); /* loads what it needs */
	dl_iterate_phdr(find_fcgi, NULL);
	find_getattr();
	uv_replace_allocator(malloc, resize_for_uv, calloc, free);
}

void allocator_arm(long n, enum failing how)
{
	atomic_store(&asked, 0);
	atomic_store(&fails_at, n);
	atomic_store(&rest_fails, how == FAIL_REST);
	atomic_store(&armed, true);
}

long allocator_disarm(void)
{
	atomic_store(&armed, false);
	return atomic_load(&asked);
}

void allocator_go_on(void)
{
	atomic_store(&armed, true);
}

void allocator_tell(bool on)
{
	atomic_store(&telling, on);
}

long allocator_live(void)
{
	return atomic_load(&live);
}
