/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_MODULE_FILE_H
#define RSTFIX_REPORT_MODULE_FILE_H

#include <elfutils/libdwfl.h>

/* The file of a module as it was when the log was written, with its debug data. */
struct module_file {
	Dwfl *dwfl;
	Dwfl_Module *module; /* NULL: there is none */
	Dwarf_Addr bias;     /* to be added to offsets */
	char *why;	     /* there is none, or it is without line numbers; NULL: all is well */
};

/* path and build_id as in the log; sysroot "" or a folder. */
void module_file_open(
	struct module_file *m, const char *path, const char *build_id, const char *sysroot);

void module_file_close(struct module_file *m);

#endif
