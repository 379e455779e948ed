/* model.h: a trained model: what fit returned, and what is needed to apply it to other rows.
 *
 * File format (save/load): a text header (magic line "amal-model 1", amal's version, algorithm name and its source
 * text, hyperparameters, target name, feature names, encoders with dictionaries and fills, parameter names and shapes),
 * the parameters as little-endian doubles, and a checksum of everything before it. Refused with E45x: not a model,
 * newer version, damaged (checksum or length), features that differ from the target's. */
#ifndef AMAL_MODEL_H
#define AMAL_MODEL_H
#include "backends/runtime/integration.h"
#include "compiler/ast.h"

typedef struct ModelParam {
    const char *name;
    Matrix *value;    /* dense */
    bool row_indexed; /* a row per training row (in T's order), such as W of a factorization */
} ModelParam;
typedef struct HyperValue {
    const char *name;
    double num;
    bool is_number; /* otherwise a matrix (given centres …) */
    Matrix *matrix;
} HyperValue;
typedef struct Model {
    const char *name;
    const AlgorithmDecl *algorithm;
    int nhyper;
    HyperValue *hyper;
    int nparams;
    ModelParam *params;
    const char *target;
    int64_t nfeatures;
    const char **features;
    int nencoders;
    const char **encoder_columns;
    Encoder *encoders;
    /* of the training, for the report */
    const char *strategy, *why, *backend;
    int64_t iterations, rows;
    double seconds_choose, seconds_compile, seconds_train;
    bool loaded; /* from a file: owns its dictionaries; otherwise they are the integration's */
} Model;
bool model_save(Diags *ds, Span at, const Model *m, const char *path);
Model *model_load(Arena *arena, Diags *ds, Span at, const char *path, const char *name); /* NULL: reported */
void model_free(Model *m); /* its matrices and what else it owns; the rest is the arena's */
#endif
