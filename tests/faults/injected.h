/* SPDX-License-Identifier: MIT */
/* Included before each source of the library that is built for tests/faults: see inject.c. */
#include "base/sys.h"

long faults_sys6(long n, long a, long b, long c, long d, long e, long f);
#define sys6 faults_sys6
