/* SPDX-License-Identifier: MIT */
#include "giving.h"

#include "family.h"
#include "holders.h"

static uint64_t handle_of(const struct fdrec *rec)
{
	return __atomic_load_n(&rec->holders, __ATOMIC_SEQ_CST);
}

/* Noted first: who begins to count it meanwhile looks for that (family.c). */
void giving_begin(struct fdrec *rec)
{
	__atomic_add_fetch(&rec->giving, 1, __ATOMIC_SEQ_CST);
	holders_add(handle_of(rec));
}

/* None was in progress: another socket has come under its number. */
void giving_end(struct fdrec *rec, bool given)
{
	uint8_t n = __atomic_load_n(&rec->giving, __ATOMIC_SEQ_CST);

	if (n && given)
		family_given(rec);
	while (n &&
		!__atomic_compare_exchange_n(
			&rec->giving, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	if (n && !given)
		holders_drop_unless_last(handle_of(rec));
}
