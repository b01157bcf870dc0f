/* SPDX-License-Identifier: MIT */
/*
 * plug(function) calls function from a frame of FRAME bytes. The code of two plugins with other
 * frames differs in that number alone, so that the return address is the same.
 */
#if defined(__x86_64__)
/* sub $FRAME, %rsp with four bytes of number always, which the assembler would shorten */
__asm__(".text\n"
	".globl plug\n"
	".type plug, @function\n"
	"plug:\n"
	".cfi_startproc\n"
	".byte 0x48, 0x81, 0xec\n"
	".long " FRAME "\n"
	".cfi_adjust_cfa_offset " FRAME "\n"
	"call *%rdi\n"
	".byte 0x48, 0x81, 0xc4\n"
	".long " FRAME "\n"
	".cfi_adjust_cfa_offset -" FRAME "\n"
	"ret\n"
	".cfi_endproc\n"
	".size plug, . - plug\n");
#else
extern "C" void plug(void (*function)(void))
{
	function();
}
#endif
