// SPDX-License-Identifier: MIT
// A C++ library that a C program loads with dlopen: throws and catches, a few frames deep.

static int thrown;

__attribute__((noinline)) static void deep(int depth)
{
	volatile int here = depth; // keeps the frame: no tail call

	if (depth == 0) {
		thrown++;
		throw here;
	}
	deep(depth - 1);
	here = 0;
}

extern "C" int throw_and_catch(int count)
{
	int caught = 0;

	for (int i = 0; i < count; i++) {
		try {
			deep(3);
		} catch (int) {
			caught++;
		}
	}
	return caught;
}
