# build_install.sh: what `make install` puts where, and that it works there; sourced by run_tests.sh after build.sh, which provides $work with its
# scripts, said, alike.

stage="$work/stage"
if make --no-print-directory install BUILD="${build#"$PWD"/}" DESTDIR="$stage" PREFIX=/opt/amal >"$tmp/diff" 2>&1; then ok; else bad "make install" "$(cat "$tmp/diff")"; fi
at="$stage/opt/amal"
for file in bin/amal lib/amal/libamal.a lib/pkgconfig/amal.pc include/amal/carried.h share/man/man1/amal.1 share/man/man1/amal-build.1 \
    share/bash-completion/completions/amal share/zsh/site-functions/_amal share/fish/vendor_completions.d/amal.fish share/doc/amal/building.md \
    share/doc/amal/editors/README.md share/doc/amal/tutorial/orders.csv \
    share/amal/examples/flights/short.amal; do
    if [ -s "$at/$file" ]; then ok; else bad "make install" "there is no $file"; fi
done
# the version has one place
version=$("$at/bin/amal" --version | cut -d' ' -f2)
for what in "amal.pc:$(sed -n 's/^Version: //p' "$at/lib/pkgconfig/amal.pc")" "amal.1:$(sed -n '1s/.*"amal \([^"]*\)".*/\1/p' "$at/share/man/man1/amal.1")" \
    "base.h:$(sed -n 's/^#define AMAL_VERSION "\(.*\)"/\1/p' compiler/base.h)" "JSON:$("$json" get "$work/one.json" amal)"; do
    if [ "${what#*:}" = "$version" ]; then ok; else bad "the version in ${what%%:*}" "${what#*:} instead of $version"; fi
done

# the installed amal builds, from a folder that has nothing to do with it
cd "$work/away" || exit 1
said 0 "kernels" "$at/bin/amal" build "$work/script/sales.amal" -o "$work/away/installed" --keep-c "$work/away/kept"
said 0 "m on T:  rmse" "$without" "$work/away/installed" --data "$work/script" --quiet --json "$work/two.json"
"$amal" run "$work/script/sales.amal" --json "$work/one.json" --quiet >/dev/null 2>&1
alike "a program of the installed amal" "$work/one.json" "$work/two.json"

# pkg-config: the C that was kept, compiled by hand against the runtime; and a program against a library
if command -v pkg-config >/dev/null; then
    flags() { PKG_CONFIG_PATH="$at/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$stage" pkg-config "$@" amal; }
    if [ "$(flags --modversion)" = "$version" ]; then ok; else bad "pkg-config --modversion amal" "$(flags --modversion)"; fi
    mvec=
    case "$(uname -m)" in x86_64) mvec=-lmvec ;; esac
    # shellcheck disable=SC2046,SC2086
    if ${CC:-cc} -O1 -w -o byhand kept/*.c $(flags --cflags --libs) $mvec 2>"$tmp/diff"; then
        said 0 "m on T:  rmse" "$without" "$work/away/byhand" --data "$work/script" --quiet --json "$work/two.json"
        silent "a program linked by hand"
        alike "a program linked by hand" "$work/one.json" "$work/two.json"
    else
        bad "linking against amal.pc" "$(cat "$tmp/diff")"
    fi
    printf '#include <carried.h>\nint main(void) { return amal_library_message()[0]; }\n' >runtime.c
    # shellcheck disable=SC2046
    if ${CC:-cc} -o runtime runtime.c $(flags --cflags --libs) 2>"$tmp/diff" && ./runtime; then ok; else bad "a C program against the runtime" "$(cat "$tmp/diff")"; fi
else
    skip "amal.pc" "pkg-config is not installed"
fi
cd "$OLDPWD" || exit 1

# uninstall takes away what install put there, and nothing else
touch "$at/lib/other" "$at/share/man/man1/amalgam.1"
if make --no-print-directory uninstall BUILD="${build#"$PWD"/}" DESTDIR="$stage" PREFIX=/opt/amal >"$tmp/diff" 2>&1; then ok; else bad "make uninstall" "$(cat "$tmp/diff")"; fi
left=$(cd "$at" && find . -type f | sort | paste -sd ' ')
if [ "$left" = "./lib/other ./share/man/man1/amalgam.1" ]; then ok; else bad "make uninstall leaves" "$left"; fi
