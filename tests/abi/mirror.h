// Prints what C headers say about structures and numbers, one "name value" per line. Names are those of the C# mirrors, so that AbiTests
// compares by name alone:
//
//	Struct.size		sizeof
//	Struct.Field		offsetof
//	Struct.Field.size	sizeof of the member
//	Class.Constant		the number
//
// AbiTests compiles and runs the programs here and fails for a structure, field or constant that is not printed.
#include <stddef.h>
#include <stdio.h>

#define VALUE(name, value) printf("%s %lld\n", name, (long long)(value))
#define SIZE(mirror, type) VALUE(#mirror ".size", sizeof(type))
#define FIELD(mirror, field, type, member)                            \
	do {                                                              \
		VALUE(#mirror "." #field, offsetof(type, member));            \
		VALUE(#mirror "." #field ".size", sizeof(((type *)0)->member)); \
	} while (0)
#define SAME(class, constant) VALUE(#class "." #constant, constant)
#define CONSTANT(class, mirror, constant) VALUE(#class "." #mirror, constant)
