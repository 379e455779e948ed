/* cells.h: the functions of one cell that the C library lacks and the formulas of ops.def name. The interpreter
 * includes this file; backends write its text before the code they emit, so it stands on its own and includes nothing
 * (its user includes math.h). Not-a-number: least_of and most_of return it when either operand is one. */
#ifndef AMAL_CELLS_H
#define AMAL_CELLS_H
static inline double square_of(double x) {
    return x * x;
}
static inline double sign_of(double x) {
    return x != x ? x : (double)((x > 0) - (x < 0));
}
static inline double is_nan(double x) {
    return x != x;
}
static inline double least_of(double x, double y) {
    return x < y || x != x ? x : y;
}
static inline double most_of(double x, double y) {
    return x > y || x != x ? x : y;
}
/* A function takes both values before it picks, so that compilers compare and pick vectors at a time; a conditional
 * expression would read its operands only where they are wanted. */
static inline double where_of(double x, double y, double z) {
    return x != 0 ? y : z;
}
static inline double mod_of(double x, double y) {
    return x - y * floor(x / y);
}
#endif
