/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the vDSO, which is linked by itself: see sentry/load/vdso/. */
    .section .rodata
    .balign 64
    .globl vdso_image, vdso_image_end
    .type vdso_image, @object
vdso_image:
    .incbin "vdso.so"
vdso_image_end:
    .size vdso_image, . - vdso_image
    .section .note.GNU-stack, "", @progbits
