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
#else
#error "base/sys.h: write sys6() for this architecture (and vfork in intercept/process.c)"
#endif

#define sys_call(n, a, b, c, d, e, f) \
	sys6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys0(n)		       sys_call(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a)	       sys_call(n, a, 0, 0, 0, 0, 0)
#define sys2(n, a, b)	       sys_call(n, a, b, 0, 0, 0, 0)
#define sys3(n, a, b, c)       sys_call(n, a, b, c, 0, 0, 0)
#define sys4(n, a, b, c, d)    sys_call(n, a, b, c, d, 0, 0)
#define sys5(n, a, b, c, d, e) sys_call(n, a, b, c, d, e, 0)

#endif
