/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_HOST_H
#define RSTFIX_HOST_H

#include <dirent.h>
#include <fcntl.h>
#include <features.h>
#include <stdio.h>

/* What libc, or the machine that the library is built on, may lack. 1: it is there. */

#ifdef __GLIBC__
#define HAVE_ON_EXIT	     1			   /* an exit handler that is told the status */
#define HAVE_FIND_OBJECT     __GLIBC_PREREQ(2, 35) /* _dl_find_object */
#define HAVE_SINGLE_THREADED __GLIBC_PREREQ(2, 32) /* __libc_single_threaded */
#define HAVE_ENTRY_ARGUMENTS 1			   /* a constructor is given argc, argv and envp */
#define HAVE_STREAM_LIST     1			   /* _IO_list_all: what exit() flushes */
#else
#define HAVE_ON_EXIT	     0
#define HAVE_FIND_OBJECT     0
#define HAVE_SINGLE_THREADED 0
#define HAVE_ENTRY_ARGUMENTS 0
#define HAVE_STREAM_LIST     0
#endif

/* libunwind by its cursors; without them there is its unw_backtrace, which needs no header. */
#if defined(__x86_64__) && __has_include(<libunwind.h>)
#define HAVE_UNWIND_CURSORS 1
#else
#define HAVE_UNWIND_CURSORS 0
#endif

/* In musl's headers these are macros: in rows of hooks.def they are names of their own. */
#undef creat64
#undef fcntl64
#undef fopen64
#undef freopen64
#undef mkostemp64
#undef mkostemps64
#undef mkstemp64
#undef mkstemps64
#undef open64
#undef openat64
#undef sendfile64
#undef tmpfile64

#endif
