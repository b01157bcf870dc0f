/* SPDX-License-Identifier: MIT */
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../fix/deferred.h"
#include "export.h"

#include <errno.h>
#include <sys/syscall.h>

/*
 * vfork: the child runs on its parent's stack, so that no C function of ours may lie below it when
 * it returns. Done here in libc's way: the return address is kept in a register that the kernel
 * preserves. While the child runs, OWNER_VFORK makes every hook ask whose process this is. To a
 * close-on-exec socket it is a door that only executes, unless the child says else (family_taken()).
 */

__attribute__((used)) void rf_vforking(void);
__attribute__((used)) pid_t rf_vforked(long r);

__attribute__((used)) void rf_vforking(void)
{
	deferred_before();
	owner_enter(DOOR_SPAWN);
	__atomic_add_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	family_spawn_begin();
}

/* In the parent alone, with the kernel's answer. */
__attribute__((used)) pid_t rf_vforked(long r)
{
	__atomic_sub_fetch(&owner_forks, OWNER_VFORK, __ATOMIC_SEQ_CST);
	owner_leave(DOOR_SPAWN);
	if (r >= 0)
		return (pid_t)r;
	errno = (int)-r;
	return -1;
}

#if defined(__x86_64__)
__asm__(".text\n"
	".globl vfork\n"
	".type vfork, @function\n"
	".globl __vfork\n"
	".type __vfork, @function\n"
	"vfork:\n"
	"__vfork:\n"
	"	.cfi_startproc\n"
	"	subq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	call rf_vforking\n"
	"	addq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %rdi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	.cfi_register %rip, %rdi\n"
	"	movl $58, %eax\n" /* SYS_vfork */
	"	syscall\n"
	"	pushq %rdi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	.cfi_rel_offset %rip, 0\n"
	"	movq %rax, %rdi\n"
	"	testq %rax, %rax\n"
	"	jne rf_vforked\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size vfork, .-vfork\n"
	".size __vfork, .-__vfork\n");
#elif defined(__i386__)
__asm__(".text\n"
	".globl vfork\n"
	".type vfork, @function\n"
	".globl __vfork\n"
	".type __vfork, @function\n"
	"vfork:\n"
	"__vfork:\n"
	"	.cfi_startproc\n"
	"	subl $12, %esp\n"
	"	.cfi_adjust_cfa_offset 12\n"
	"	call rf_vforking\n"
	"	addl $12, %esp\n"
	"	.cfi_adjust_cfa_offset -12\n"
	"	popl %ecx\n"
	"	.cfi_adjust_cfa_offset -4\n"
	"	.cfi_register %eip, %ecx\n"
	"	movl $190, %eax\n" /* SYS_vfork */
	"	int $0x80\n"
	"	pushl %ecx\n"
	"	.cfi_adjust_cfa_offset 4\n"
	"	.cfi_rel_offset %eip, 0\n"
	"	testl %eax, %eax\n"
	"	je 1f\n"
	"	subl $8, %esp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushl %eax\n"
	"	.cfi_adjust_cfa_offset 4\n"
	"	call rf_vforked\n"
	"	addl $12, %esp\n"
	"	.cfi_adjust_cfa_offset -12\n"
	"1:	ret\n"
	"	.cfi_endproc\n"
	".size vfork, .-vfork\n"
	".size __vfork, .-__vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl vfork\n"
	".type vfork, %function\n"
	".globl __vfork\n"
	".type __vfork, %function\n"
	"vfork:\n"
	"__vfork:\n"
	"	.cfi_startproc\n"
	"	stp x29, x30, [sp, -16]!\n"
	"	.cfi_adjust_cfa_offset 16\n"
	"	.cfi_rel_offset x29, 0\n"
	"	.cfi_rel_offset x30, 8\n"
	"	bl rf_vforking\n"
	"	ldp x29, x30, [sp], 16\n"
	"	.cfi_adjust_cfa_offset -16\n"
	"	.cfi_restore x29\n"
	"	.cfi_restore x30\n"
	"	mov x8, 220\n"	  /* SYS_clone */
	"	mov x0, 0x4111\n" /* CLONE_VFORK | CLONE_VM | SIGCHLD */
	"	mov x1, sp\n"
	"	svc 0\n"
	"	cbnz x0, rf_vforked\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size vfork, .-vfork\n"
	".size __vfork, .-__vfork\n");
#else
#error "write vfork for this architecture"
#endif
