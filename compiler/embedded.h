/* embedded.h: the text of a file of the source tree as a string of the program: TEXT_OF(name, "folder/file"). The path
 * is from the top of the tree, where the build runs; the Makefile says that the object depends on the file. Shown to
 * nobody outside, like all names of the library. */
#ifndef AMAL_EMBEDDED_H
#define AMAL_EMBEDDED_H
#define TEXT_OF(name, path)                                                                                            \
    __asm__(".section .rodata\n"                                                                                       \
            ".global " #name "\n"                                                                                      \
            ".hidden " #name "\n" #name ":\n"                                                                          \
            ".incbin \"" path "\"\n"                                                                                   \
            ".byte 0\n"                                                                                                \
            ".previous\n");                                                                                            \
    extern const char name[]
#endif
