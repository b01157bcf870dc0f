/* SPDX-License-Identifier: MIT */
#include "report.h"
void report_sarif(const struct report *r, FILE *out)
{
	(void)r;
	(void)out;
}
void report_junit(const struct report *r, FILE *out)
{
	(void)r;
	(void)out;
}
void report_html(const struct report *r, FILE *out)
{
	(void)r;
	(void)out;
}
