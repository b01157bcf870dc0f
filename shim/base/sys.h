/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_SYS_H
#define RSTFIX_SYS_H

#include <sys/syscall.h>

/* Newer than some libc headers; the numbers are the same on every architecture. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/*
 * Where a machine has an older form of a call beside the one that libc uses, the latter is meant: of
 * 32 bits an identity, of 64 an offset. The shim is built with _FILE_OFFSET_BITS=64.
 */
#ifdef SYS_fstatat64
#define SYS_newfstatat SYS_fstatat64
#endif
#ifdef SYS_mmap2
#undef SYS_mmap
#define SYS_mmap SYS_mmap2 /* offsets are pages; the shim maps from 0 on */
#endif
#ifdef SYS_fcntl64
#undef SYS_fcntl
#define SYS_fcntl SYS_fcntl64
#endif
#ifndef SYS_sendfile64
#define SYS_sendfile64 SYS_sendfile
#endif
#ifdef SYS_setuid32
#undef SYS_setuid
#define SYS_setuid SYS_setuid32
#undef SYS_setgid
#define SYS_setgid SYS_setgid32
#undef SYS_setreuid
#define SYS_setreuid SYS_setreuid32
#undef SYS_setregid
#define SYS_setregid SYS_setregid32
#undef SYS_setresuid
#define SYS_setresuid SYS_setresuid32
#undef SYS_setresgid
#define SYS_setresgid SYS_setresgid32
#undef SYS_setgroups
#define SYS_setgroups SYS_setgroups32
#endif

/*
 * Raw system calls: the result, or -errno. They touch neither errno nor libc, are no cancellation
 * points, and may be used at any time: before the constructor, in signal handlers, after vfork.
 * What the shim asks the kernel on its own account goes through here.
 */

#if defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#elif defined(__i386__)
/* The sixth argument goes where the frame pointer is, so that it takes the way over the stack. */
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long last[2] = {a, f};
	long ret;

	__asm__ volatile("pushl %%ebx\n\t"
			 "pushl %%ebp\n\t"
			 "movl 4(%%ebx), %%ebp\n\t"
			 "movl (%%ebx), %%ebx\n\t"
			 "int $0x80\n\t"
			 "popl %%ebp\n\t"
			 "popl %%ebx"
			 : "=a"(ret)
			 : "a"(n), "b"(last), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}
#else
#error "write sys6() for this architecture (and vfork in intercept/vfork.c, MACHINE in intercept/executable.c)"
#endif

#define sys_call(n, a, b, c, d, e, f) \
	sys6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys0(n)		       sys_call(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a)	       sys_call(n, a, 0, 0, 0, 0, 0)
#define sys2(n, a, b)	       sys_call(n, a, b, 0, 0, 0, 0)
#define sys3(n, a, b, c)       sys_call(n, a, b, c, 0, 0, 0)
#define sys4(n, a, b, c, d)    sys_call(n, a, b, c, d, 0, 0)
#define sys5(n, a, b, c, d, e) sys_call(n, a, b, c, d, e, 0)

/* fallocate() of the first len bytes; an offset takes two arguments where a register has 32 bits. */
static inline long sys_allocate(int fd, long len)
{
#if defined(__LP64__)
	return sys4(SYS_fallocate, fd, 0, 0, len);
#else
	return sys6(SYS_fallocate, fd, 0, 0, 0, len, 0);
#endif
}

#endif
