/* forest.h: boosted regression trees: what a trained model is, without the library that trained it. A machine without
 * XGBoost uses the model all the same, and a prediction takes microseconds. */
#ifndef AMAL_FOREST_H
#define AMAL_FOREST_H
#include "compiler/base.h"

typedef struct TreeNode {
    int feature; /* -1: a leaf */
    float value; /* of a leaf; else the threshold: x < value goes to `yes` */
    int yes, no; /* nodes of the same tree, above this one's number */
} TreeNode;
typedef struct Tree {
    int count;
    TreeNode *nodes; /* [0] is the root */
} Tree;
typedef struct Forest {
    double base;
    int count;
    Tree *trees; /* in an arena */
} Forest;

enum { TREE_DEPTH = 12 }; /* deeper trees are refused */
double forest_predict(const Forest *f, const double *x);
/* Adds to out[feature] what each feature contributes to the difference of the predictions of x and z: SHAP values of x
 * with z as the reference. Their sum is that difference. */
void forest_differences(const Forest *f, const double *x, const double *z, double *out);
void forest_print(Buf *out, const char *name, const Forest *f);
/* Reads what forest_print() wrote, from *text on, which moves behind it. false: *why says what is wrong. Whatever the
 * text is, a forest that is returned can be walked. */
bool forest_read(Arena *arena, const char **text, const char *name, int nfeatures, Forest *out, const char **why);
/* A tree as XGBoost dumps it in JSON. false: it is not one. */
bool tree_from_dump(Arena *arena, const char *json, int nfeatures, Tree *out);
#endif
