# build_library.sh: libraries that `amal build --shared` makes, from C and from Python; sourced by run_tests.sh after build.sh, which provides
# $work with its scripts and data, said, alike.

mkdir -p "$work/lib"
said 0 "functions in $work/lib/sales.h" "$amal" build "$work/script/sales.amal" --shared -o "$work/lib/libsales.so"
if command -v nm >/dev/null; then
    names=$(nm -D --defined-only "$work/lib/libsales.so" | awk '{ print $3 }' | sort | paste -sd ' ')
    if [ "$names" = "sales_free sales_message sales_parameter sales_predict sales_train" ]; then ok; else bad "what a library shows" "$names"; fi
else
    skip "what a library shows" "nm is not installed"
fi
"$amal" build "$work/script/sales.amal" --shared -o "$work/away/libsales.so" --quiet
if cmp "$work/lib/libsales.so" "$work/away/libsales.so" && cmp "$work/lib/sales.h" "$work/away/sales.h"; then ok; else bad "two builds of a library"; fi
said 0 "" env -C "$work/lib" "$amal" build "$work/script/sales.amal" --shared -o "libthe 2 sales.so" --quiet -Wnone
if [ -e "$work/lib/the_2_sales.h" ] && grep -q the_2_sales_train "$work/lib/the_2_sales.h"; then ok; else bad "a library's name" "$(ls "$work/lib")"; fi

# what the library is to find: the models, and the predictions, of amal run
"$amal" run "$work/script/sales.amal" --set lambda=4 --quiet --json "$work/one.json" >/dev/null 2>&1
expected=$("$json" get "$work/one.json" train/m/params/w/values/0)
prediction=$(sed -n 2p "$work/script/predicted.csv" | cut -d, -f2)

# ---- C ----
cat >"$work/lib/use.c" <<'END'
#include "sales.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define CHECK(c) ((c) ? (void)0 : (void)(failures++, printf("line %d: %s: %s\n", __LINE__, #c, sales_message())))

static void *train_again(void *folder) {
    sales_model *m;
    int code = sales_train(folder, NULL, &m);
    sales_free(m);
    return code ? "failed" : NULL;
}

int main(int argc, char **argv) { /* script's folder, grown data, other shops, w[1], the first prediction */
    const char *const settings[] = {"--lambda=4", "--threads", "1", NULL};
    const char *const help[] = {"--help", NULL};
    const char *const misspelt[] = {"--lamda=4", NULL}, *const wrong[] = {"--lambda", "much", NULL};
    const double *v, *w;
    size_t rows, columns;
    sales_model *m = (sales_model *)argv;
    if (argc != 6) return 2;
    CHECK(sales_train(argv[1], misspelt, &m) == 2 && m == NULL && strstr(sales_message(), "did you mean --lambda?"));
    CHECK(sales_train(argv[1], wrong, &m) == 1 && m == NULL && strstr(sales_message(), "E119"));
    CHECK(sales_train(argv[1], help, &m) == 2 && m == NULL && strstr(sales_message(), "sales.h lists them"));
    CHECK(sales_train(argv[1], settings, NULL) == 2 && strstr(sales_message(), "no place"));
    CHECK(sales_train("/nonexistent", NULL, &m) == 1 && m == NULL && strstr(sales_message(), "E450"));
    CHECK(sales_train(argv[1], settings, &m) == 0 && m != NULL && !*sales_message());
    CHECK(sales_parameter(m, "m.w", &v, &rows, &columns) == 0 && rows == 6 && columns == 1);
    CHECK(v && fabs(v[0] - atof(argv[4])) < 1e-9 * fabs(v[0]));
    w = v;
    CHECK(sales_predict(m, "m", NULL, argv[1], &v, &rows, &columns) == 0 && rows == 60 && columns == 1);
    CHECK(v && fabs(v[0] - atof(argv[5])) < 1e-9 * fabs(v[0]) && !*sales_message());
    CHECK(sales_predict(m, "m", "T", argv[2], &v, &rows, &columns) == 0 && rows == 200 && columns == 1);
    CHECK(w[0] == w[0]); /* parameters outlive predictions */
    CHECK(sales_predict(m, NULL, NULL, argv[1], &v, &rows, &columns) == 0 && rows == 60); /* the last: clusters */
    CHECK(sales_predict(m, "n", NULL, argv[1], &v, &rows, &columns) == 2 && v == NULL && rows == 0);
    CHECK(strstr(sales_message(), "there is no model n"));
    CHECK(sales_predict(m, "m", "U", argv[1], &v, &rows, &columns) == 2 && strstr(sales_message(), "no target U"));
    CHECK(sales_predict(m, "m", NULL, "/nonexistent", &v, &rows, &columns) == 1 && strstr(sales_message(), "E450"));
    CHECK(sales_parameter(m, "m.W", &v, &rows, &columns) == 2 && v == NULL);
    CHECK(sales_parameter(NULL, "w", &v, &rows, &columns) == 2 && sales_predict(NULL, 0, 0, 0, &v, &rows, &columns) == 2);
    CHECK(sales_predict(m, "m", NULL, argv[1], &v, &rows, &columns) == 0 && rows == 60); /* errors leave the model as it was */
    CHECK(sales_parameter(m, "m.w", &v, &rows, NULL) == 2 && v == NULL && rows == 0);
    CHECK(sales_predict(m, "m", NULL, argv[1], NULL, &rows, &columns) == 2 && strstr(sales_message(), "no place"));
    sales_model *second; /* two at once do not touch each other */
    CHECK(sales_parameter(m, "m.w", &w, &rows, &columns) == 0 && sales_train(argv[1], NULL, &second) == 0);
    CHECK(sales_parameter(second, "m.w", &v, &rows, &columns) == 0 && v != w && v[0] != w[0]);
    sales_free(second);
    CHECK(fabs(w[0] - atof(argv[4])) < 1e-9 * fabs(w[0]));
    sales_free(m);
    sales_free(NULL);
    CHECK(sales_train(argv[3], NULL, &m) == 0 && strstr(sales_message(), "W606")); /* other sizes: right, and said */
    sales_free(m);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, train_again, argv[1]) == 0);
    for (int i = 0; i < 3; i++) {
        void *said = "";
        CHECK(pthread_join(threads[i], &said) == 0 && said == NULL);
    }
    printf("%d failures\n", failures);
    return failures != 0;
}
END
if ${CC:-cc} -Wall -Wextra -Werror -pthread -I"$work/lib" -o "$work/lib/use" "$work/lib/use.c" -L"$work/lib" -lsales -lm -Wl,-rpath,'$ORIGIN' 2>"$tmp/diff"; then
    said 0 "0 failures" "$without" "$work/lib/use" "$work/script" "$work/more" "$work/other" "$expected" "$prediction"
    silent "a library writes nothing to standard error"
else
    bad "a C program against a library" "$(cat "$tmp/diff")"
fi
if command -v "${CXX:-c++}" >/dev/null; then
    said 0 "" "${CXX:-c++}" -Wall -Wextra -Werror -fsyntax-only -x c++ "$work/lib/sales.h"
else
    skip "a library's header in C++" "there is no C++ compiler"
fi

# ---- Python ----
cat >"$work/lib/use.py" <<'END'
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
library.sales_message.restype = ctypes.c_char_p
numbers = ctypes.POINTER(ctypes.c_double)


def check(code):
    if code:
        raise RuntimeError(f"{code}: {library.sales_message().decode()}")


def train(folder, *settings):
    model = ctypes.c_void_p()
    words = (ctypes.c_char_p * (len(settings) + 1))(*[s.encode() for s in settings], None)
    check(library.sales_train(folder.encode(), words, ctypes.byref(model)))
    return model


def table(function, *arguments):
    values, rows, columns = numbers(), ctypes.c_size_t(), ctypes.c_size_t()
    check(function(*arguments, ctypes.byref(values), ctypes.byref(rows), ctypes.byref(columns)))
    return [values[i * columns.value : (i + 1) * columns.value] for i in range(rows.value)]


script, w, prediction = sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
model = train(script, "--lambda=4")
assert abs(table(library.sales_parameter, model, b"m.w")[0][0] - w) < 1e-9 * abs(w)
predicted = table(library.sales_predict, model, b"m", None, script.encode())
assert len(predicted) == 60 and abs(predicted[0][0] - prediction) < 1e-9 * abs(prediction)
library.sales_free(model)
try:
    train("/nonexistent")
    raise AssertionError("no error")
except RuntimeError as error:
    assert str(error).startswith("1: ") and "E450" in str(error), error
print("python agrees")
END
if ! command -v python3 >/dev/null; then skip "a library from Python" "python3 is not installed"
elif ldd "$work/lib/libsales.so" | grep -q -e libasan -e libubsan; then skip "a library from Python" "a library with sanitizers needs a program with them"
else said 0 "python agrees" "$without" python3 "$work/lib/use.py" "$work/lib/libsales.so" "$work/script" "$expected" "$prediction"; fi
