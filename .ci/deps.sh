#!/usr/bin/env bash
# Installs what building and testing need, and fetches libduckdb (for Parquet and JSON) into build/deps; with --bench also what `make bench`
# compares with. Says what it does; does nothing when all is there. On Debian and its kin as root it installs; otherwise it prints the command
# to run and exits with 3.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'deps: %s\n' "$*" >&2; }

# ---- packages ----
declare -a missing=()
want_command() { command -v "$1" > /dev/null || missing+=("$2"); }
want_package() { dpkg-query -W -f='${Status}' "$1" 2> /dev/null | grep -q 'ok installed' || missing+=("$1"); }

# Is there a libduckdb that the program will find?
folder=build/deps
have_duckdb() {
    if [ -n "${DUCKDB_DIR:-}" ] && { [ -e "$DUCKDB_DIR/libduckdb.so" ] || [ -e "$DUCKDB_DIR/lib/libduckdb.so" ]; }; then return 0; fi
    if [ -e "$folder/libduckdb.so" ]; then return 0; fi
    if PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2> /dev/null | grep -q 'libduckdb\.so '; then return 0; fi
    # known to pkg-config but not to the loader: a link beside the program makes it found
    local libdir
    libdir=$(pkg-config --variable=libdir duckdb 2> /dev/null) || return 1
    [ -n "$libdir" ] && [ -e "$libdir/libduckdb.so" ] || return 1
    mkdir -p "$folder"
    ln -sf "$libdir/libduckdb.so" "$folder/libduckdb.so"
}

install_packages() {
    if [ "$(id -u)" != 0 ]; then
        local run="as root run:"
        if command -v sudo > /dev/null; then run="run: sudo"; fi
        say "missing: $*; $run apt-get install -y --no-install-recommends $*"
        return 3
    fi
    say "installing $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null
}

want_command cc gcc
want_command make make
want_command re2c re2c
want_command bison bison
want_command c++ g++
if command -v dpkg-query > /dev/null && command -v apt-get > /dev/null; then
    for p in libc6-dev libopenblas-dev libsqlite3-dev libcmocka-dev zlib1g-dev libedit-dev libxgboost-dev; do want_package "$p"; done
    if [ "${1:-}" = --bench ]; then
        for p in python3-numpy python3-scipy python3-sklearn python3-pandas; do want_package "$p"; done
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        # who has to run it by hand gets all in one command
        if [ "$(id -u)" != 0 ] && ! have_duckdb; then want_command npm "nodejs npm"; fi
        install_packages "${missing[@]}"
    fi
elif [ ${#missing[@]} -gt 0 ]; then
    say "missing: ${missing[*]}; install them and the headers of OpenBLAS, SQLite, libedit, cmocka and zlib with this system's package manager"
    exit 3
fi

# ---- libduckdb ----
# Pinned: a package that carries the library as its makers built it. Another libduckdb (1.2 or later) is taken first when there is one.
case "$(uname -m)" in
x86_64)
    package=@duckdb/node-bindings-linux-x64@1.5.6-r.1
    sum=21772b64913a904a8cd19e30c1d5671811d7fdface4b7dd53cd0300d743f43e16cf386f4e7c41ef78721ac208870d2651bc6375072145387817824315b998dd5
    ;;
aarch64)
    package=@duckdb/node-bindings-linux-arm64@1.5.5-r.5
    sum=09a7c7d8022f5eda700f29c6dca07fe2e10e1d11a516807b6ae091308c07dc128d2286ec00d5792d2a43277b5fc9108522c2ba7bc013d5eb1e5959eed83bf773
    ;;
*)
    package=
    sum=
    ;;
esac

without_duckdb() {
    say "$1: Parquet and JSON sources will not work, all else does. Put libduckdb.so into $folder, or name its folder in DUCKDB_DIR."
    exit 0
}

have_duckdb && exit 0
[ -n "$package" ] || without_duckdb "no libduckdb is known for $(uname -m)"
if ! command -v npm > /dev/null; then
    command -v apt-get > /dev/null || without_duckdb "npm is missing"
    install_packages nodejs npm || without_duckdb "npm could not be installed"
fi
mkdir -p "$folder"
scratch=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
say "fetching libduckdb from $package"
# retried within seconds, not for the minutes that npm takes by itself where there is no network
(cd "$scratch" && npm pack --silent --prefer-offline --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
    "$package" > /dev/null 2> npm.log) || without_duckdb "npm could not fetch $package"
archive=$(find "$scratch" -name '*.tgz')
if ! printf '%s  %s\n' "$sum" "$archive" | sha512sum --check --status; then
    without_duckdb "what came as $package is not what was expected (its checksum differs)"
fi
tar xzf "$archive" -C "$scratch" package/libduckdb.so package/LICENSE
mv "$scratch/package/LICENSE" "$folder/libduckdb.LICENSE"
mv "$scratch/package/libduckdb.so" "$folder/libduckdb.so"
say "libduckdb is in $folder"
