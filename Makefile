# Amalur: `make` builds build/amal; `make help` lists the rest.
#
# Layout of the build folder (BUILD, "build" unless given): obj/ objects, gen/ generated sources (lexer, parser, the embedded standard
# library), libamal.a everything but main.c, amal the command, tests/ the test programs, deps/ libduckdb when it had to be fetched.

BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
OPT    ?= -O2 -g
SAN    ?=
# Of the benchmarks: the system's, which has the system's packages.
PYTHON ?= /usr/bin/python3
BENCH  ?=
WARN    = -Wall -Wextra -Werror
# libamal.a becomes part of shared libraries too (amal build --shared), which show none of its names.
CFLAGS_ALL = -std=gnu17 $(OPT) $(WARN) -fPIC -fvisibility=hidden -pthread -I. -I$(BUILD)/gen -I$(BUILD)/gen/grammar $(SAN) $(CFLAGS)
# A target's programs export their symbols: emitted code calls the runtime of the program that loads it.
LDFLAGS_ALL = -pthread -rdynamic $(SAN) $(LDFLAGS)
# What programs need that amal build makes, and what amal needs besides.
RUNTIME_LIBS = -lopenblas -lsqlite3 -lz -ldl -lm
LIBS    = -ledit $(RUNTIME_LIBS)
VERSION = $(shell sed -n 's/^\#define AMAL_VERSION "\(.*\)"/\1/p' compiler/base.h)

SOURCES = $(sort $(wildcard compiler/*.c compiler/*/*.c ir/*.c backends/*.c backends/*/*.c))
GENERATED = $(BUILD)/gen/grammar/parser.c $(BUILD)/gen/grammar/lexer.c $(BUILD)/gen/stdlib_data.c $(BUILD)/gen/estimator_data.c
GENERATED_HEADERS = $(BUILD)/gen/grammar/parser.h
STDLIB  = $(sort $(wildcard stdlib/*.amal))
OBJECTS = $(SOURCES:%.c=$(BUILD)/obj/%.o) $(GENERATED:$(BUILD)/gen/%.c=$(BUILD)/obj/gen/%.o)
MAIN    = $(BUILD)/obj/compiler/main.o
LIBRARY = $(BUILD)/libamal.a

# Test programs: tests/unit/*.c and tests/differential/*.c each become one; tests/tools are what the runner needs.
UNIT    = $(sort $(wildcard tests/unit/*.c tests/differential/*.c))
UNIT_PROGRAMS = $(UNIT:%.c=$(BUILD)/%)
TOOLS   = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tools/*.c tests/lsp/*.c))
FUZZ    = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*.c))
SECONDS_FUZZ ?= 60

# Short lines unless V=1.
ifeq ($(V),1)
say = @:
Q =
else
say = @printf '  %-5s %s\n'
Q = @
endif

.PHONY: all demo test test-gpu test-programs golden-update bench bench-estimator install uninstall docs asan ubsan cov fuzz fmt deps clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/amal ## build/amal, the command

$(BUILD)/amal: $(MAIN) $(LIBRARY)
	$(say) link $@
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(MAIN) -Wl,--whole-archive $(LIBRARY) -Wl,--no-whole-archive $(LIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	$(say) ar $@
	$(Q)ar rcs $@ $^

$(BUILD)/obj/%.o: %.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The text of these headers is part of an object.
$(BUILD)/obj/compiler/explain_html.o: $(wildcard compiler/explain/*)
$(BUILD)/obj/backends/c/emit.o: backends/c/abi.h backends/c/prelude.h ir/cells.h
$(BUILD)/obj/backends/cuda/emit.o: backends/cuda/prelude.cuh ir/cells.h

$(BUILD)/obj/compiler/build_emit.o: compiler/carried.h
$(BUILD)/obj/compiler/build_link.o: CFLAGS_ALL += -DAMAL_LINK='"$(strip -pthread $(SAN) $(RUNTIME_LIBS))"'

# What re2c and Bison write is theirs: it is compiled without the warnings that only their style raises.
$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c Makefile | $(GENERATED_HEADERS)
	@mkdir -p $(@D)
	$(say) cc $<
	$(Q)$(CC) $(CFLAGS_ALL) -Wno-unused-function -Wno-unused-but-set-variable -Wno-implicit-fallthrough -MMD -MP -c -o $@ $<

$(BUILD)/gen/grammar/parser.c: grammar/parser.y
	@mkdir -p $(@D)
	$(say) bison $<
	@command -v bison > /dev/null || { echo 'bison is missing: `make deps` installs what the build needs' >&2; exit 1; }
	$(Q)bison -Wall -Werror --header=$(BUILD)/gen/grammar/parser.h -o $@ $<
$(BUILD)/gen/grammar/parser.h: $(BUILD)/gen/grammar/parser.c
$(BUILD)/gen/grammar/lexer.c: grammar/lexer.re
	@mkdir -p $(@D)
	$(say) re2c $<
	$(Q)re2c -8 -W -Werror --no-generation-date -o $@ $<

# The standard library as C strings: {name, text} a file, in order of names.
$(BUILD)/gen/stdlib_data.c: $(STDLIB) Makefile
	@mkdir -p $(@D)
	@{ echo '/* Made from stdlib/ by the Makefile. */'; echo '#include "compiler/script.h"'; \
	   echo 'const StdlibFile stdlib_files[] = {'; \
	   for f in $(STDLIB); do printf '{"%s",\n' "$$f"; sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' "$$f"; echo '},'; done; \
	   echo '{0, 0}};'; } > $@

# The estimator's model as a C string; empty when there is none. The folder changes when the file comes or goes.
$(BUILD)/gen/estimator_data.c: stdlib $(wildcard stdlib/estimator.model) Makefile
	@mkdir -p $(@D)
	@{ echo '/* Made from stdlib/estimator.model by the Makefile. */'; echo '#include "compiler/estimator/model.h"'; \
	   echo 'const char estimator_shipped[] ='; cat /dev/null $(wildcard stdlib/estimator.model) | sed -e 's/^/"/' -e 's/$$/\\n"/'; echo '"";'; } > $@

$(BUILD)/tests/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) -lcmocka $(LIBS)
$(BUILD)/tests/differential/%: tests/differential/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) -lcmocka $(LIBS)
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) $(LIBS)
$(BUILD)/tests/lsp/%: tests/lsp/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) $(LIBS)
# libcuda, libnvrtc and libcublas for tests without a GPU (tests/cuda/shim.c).
SHIM = $(BUILD)/tests/cuda/lib64/libcuda.so.1
SHIM_SOURCES = tests/cuda/shim.c tests/cuda/shim_blas.c
$(SHIM): $(SHIM_SOURCES) tests/cuda/shim.h tests/cuda/cpu.h backends/cuda/driver.h
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) -std=gnu17 -O1 -g $(WARN) -fPIC -shared -I. -o $@ $(SHIM_SOURCES) -ldl
	@ln -sf libcuda.so.1 $(@D)/libnvrtc.so.13
	@ln -sf libcuda.so.1 $(@D)/libcublas.so.13
$(BUILD)/tests/cuda/%: tests/cuda/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) $(LIBS)
$(BUILD)/tests/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< -lm

test-programs: $(UNIT_PROGRAMS) $(TOOLS) $(SHIM) $(BUILD)/tests/cuda/compile_all $(BUILD)/tests/bench/gpu_speeds

test: all ## every test; ends with `N passed, N failed`
	@$(MAKE) --no-print-directory -k test-programs || true
	@BUILD=$(BUILD) tests/run_tests.sh

test-gpu: all ## the cuda backend's tests on the GPU of this machine, and compute-sanitizer where it is installed
	@$(MAKE) --no-print-directory $(BUILD)/tests/differential/random_algebra $(SHIM) $(BUILD)/tests/cuda/compile_all $(TOOLS)
	@AMAL_TEST_GPU=1 BUILD=$(BUILD) tests/run_tests.sh cuda

golden-update: all $(TOOLS) ## writes what the command says now over tests/golden/*.expected: read the difference before you commit it
	@BUILD=$(BUILD) tests/run_tests.sh --update-golden

deps: ## installs what the build and the tests need (Debian), fetches libduckdb
	.ci/deps.sh

demo: deps ## a model on 336,776 flights joined with planes, airports and weather
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) examples/flights/demo.sh

bench: all ## against other ways of the same work, into docs/benchmarks.md; BENCH="dense movie-kmeans" or BENCH=--quick chooses
	@$(PYTHON) tests/bench/bench.py --amal $(BUILD)/amal --folder $(BUILD)/bench $(BENCH)

.PHONY: bench-gpu
$(BUILD)/tests/bench/%: tests/bench/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) link $@
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(LIBRARY) $(LIBS)

bench-gpu: all $(BUILD)/tests/bench/gpu_speeds ## on a GPU, against the CPU, PyTorch and CuPy; BENCH="dense large movie" or BENCH=--quick chooses
	@$(PYTHON) tests/bench/gpu.py --amal $(BUILD)/amal --speeds $(BUILD)/tests/bench/gpu_speeds --folder $(BUILD)/bench $(BENCH) || [ $$? -eq 3 ]

# Where things go; amal finds the runtime in ../lib/amal from where it is.
AT      = $(DESTDIR)$(PREFIX)
MAN     = $(AT)/share/man/man1
BASH    = $(AT)/share/bash-completion/completions
ZSH     = $(AT)/share/zsh/site-functions
FISH    = $(AT)/share/fish/vendor_completions.d
# Synthetic data: those that the shipped model was trained on, else measured here for MINUTES; the scripts here and now. Wants a quiet machine.
EVALUATION = $(BUILD)/bench/estimator
MINUTES   ?= 15
bench-estimator: all ## the estimator on held-out data and on real data, beside other ways to choose, into docs/estimator.md
	@mkdir -p $(EVALUATION)
	@if [ -e stdlib/estimator.csv ]; then cp stdlib/estimator.csv $(EVALUATION)/synthetic.csv; else \
	    $(BUILD)/amal calibrate --train --budget $(MINUTES) --from $(EVALUATION)/synthetic.csv -o $(EVALUATION)/model; fi
	@cp $(EVALUATION)/synthetic.csv $(EVALUATION)/rows.csv
	$(BUILD)/amal calibrate --train $(wildcard tests/bench/estimator/[a-z]*.amal) --from $(EVALUATION)/rows.csv -o $(EVALUATION)/model \
	    --predictions $(EVALUATION)/predictions.csv > $(EVALUATION)/said.txt
	@$(PYTHON) tests/bench/estimator.py $(EVALUATION)/predictions.csv $(EVALUATION)/said.txt docs/estimator.md docs/estimator

install: all ## into PREFIX (/usr/local), below DESTDIR when given
	install -d $(AT)/bin $(AT)/lib/amal $(AT)/lib/pkgconfig $(AT)/include/amal $(AT)/share/amal $(AT)/share/doc/amal $(MAN) $(BASH) $(ZSH) $(FISH)
	install -m 755 $(BUILD)/amal $(AT)/bin/amal
	install -m 644 $(LIBRARY) $(AT)/lib/amal/libamal.a
	install -m 644 compiler/carried.h $(AT)/include/amal/carried.h
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$${prefix}/lib/amal' 'includedir=$${prefix}/include/amal' '' 'Name: amal' \
	    'Description: the runtime of programs and libraries that amal build makes' 'Version: $(VERSION)' \
	    'Cflags: -I$${includedir} -pthread' 'Libs: -L$${libdir} -lamal $(strip -pthread $(SAN) $(RUNTIME_LIBS))' > $(AT)/lib/pkgconfig/amal.pc
	@set -e; $(BUILD)/amal help man > $(MAN)/amal.1; \
	for c in $$($(BUILD)/amal help | sed -n 's/^  amal \([a-z][a-z]*\).*/\1/p'); do $(BUILD)/amal help man $$c > $(MAN)/amal-$$c.1; done; \
	$(BUILD)/amal help completion bash > $(BASH)/amal; \
	$(BUILD)/amal help completion zsh > $(ZSH)/_amal; \
	$(BUILD)/amal help completion fish > $(FISH)/amal.fish
	if [ -f build/deps/libduckdb.so ]; then install -m 755 build/deps/libduckdb.so $(AT)/lib/libduckdb.so; fi
	if [ -f build/deps/libduckdb.LICENSE ]; then install -m 644 build/deps/libduckdb.LICENSE $(AT)/share/amal/; fi
	cp -r examples $(AT)/share/amal/
	install -m 644 LICENSE docs/*.md $(AT)/share/doc/amal/
	cp -r docs/editors docs/benchmarks docs/tutorial $(AT)/share/doc/amal/

uninstall: ## what install put into PREFIX, below DESTDIR when given
	if [ -f $(AT)/share/amal/libduckdb.LICENSE ]; then rm -f $(AT)/lib/libduckdb.so; fi # only when it came with amal
	rm -f $(AT)/bin/amal $(AT)/lib/pkgconfig/amal.pc $(MAN)/amal.1 $(MAN)/amal-*.1 $(BASH)/amal $(ZSH)/_amal $(FISH)/amal.fish
	rm -rf $(AT)/lib/amal $(AT)/include/amal $(AT)/share/amal $(AT)/share/doc/amal

docs: all ## writes docs/commands.md from compiler/commands.def
	$(BUILD)/amal help markdown > docs/commands.md.tmp
	mv docs/commands.md.tmp docs/commands.md

asan: ## all tests under the address and undefined-behaviour sanitizers
	ASAN_OPTIONS=detect_leaks=0 $(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT="-O1 -g -fno-omit-frame-pointer" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined" test
ubsan: ## all tests under the undefined-behaviour sanitizer alone
	$(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan OPT="-O1 -g" SAN="-fsanitize=undefined -fno-sanitize-recover=undefined" test
cov: ## line coverage of all tests, a file a line
	$(MAKE) --no-print-directory BUILD=$(BUILD)/cov OPT="-O0 -g" SAN="--coverage" test
	@find $(BUILD)/cov/obj -name '*.gcda' | sort | while read -r f; do gcov -n "$$f" 2>/dev/null; done | tests/coverage.sh

fuzz: ## feeds the parser and the readers of tables broken input, SECONDS_FUZZ (60) seconds each
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT="-O1 -g -fno-omit-frame-pointer" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined" fuzz-run
.PHONY: fuzz-run
fuzz-run: $(FUZZ)
	@set -e; for f in $(FUZZ); do echo "== $$f"; ASAN_OPTIONS=detect_leaks=0 $$f --seconds $(SECONDS_FUZZ); done

fmt: ## formats the C sources
	clang-format -i $(SOURCES) $(wildcard */*.h */*/*.h tests/*/*.c)

clean: ## removes what was built (not build/deps)
	rm -rf $(BUILD)/obj $(BUILD)/gen $(BUILD)/tests $(BUILD)/kernels $(BUILD)/asan $(BUILD)/ubsan $(BUILD)/cov $(LIBRARY) $(BUILD)/amal

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

-include $(OBJECTS:.o=.d) $(wildcard $(BUILD)/tests/*/*.d)
