# command_pages.sh: help, man pages and completions say the same, since all come from compiler/commands.def; sourced by
# run_tests.sh after command.sh, which provides holds.

pages="$tmp/pages"
mkdir -p "$pages"
"$amal" help >"$pages/help"
"$amal" help man >"$pages/man"
for shell in bash zsh fish; do "$amal" help completion "$shell" >"$pages/$shell"; done
commands=$(sed -nE 's/^  amal ([a-z]+) .*/\1/p' "$pages/help")
holds "amal help lists commands" test "$(wc -w <<<"$commands")" -ge 6
# same NAME LIST LIST: two lists, one name a line
same() { if [ -n "$2" ] && [ "$2" = "$3" ]; then ok; else bad "$1" "$(diff <(echo "$2") <(echo "$3"))"; fi; }
same "bash completes the commands" "$commands" "$(sed -nE 's/.*compgen -W "(.*) --help --version".*/\1/p' "$pages/bash" | head -1 | tr ' ' '\n')"
same "zsh completes the commands" "$commands" "$(sed -nE "s/^        '([a-z]+):.*/\1/p" "$pages/zsh")"
same "fish completes the commands" "$commands" "$(sed -nE 's/.*__fish_use_subcommand -a ([a-z]+) .*/\1/p' "$pages/fish")"
same "amal.1 names the commands" "$commands" "$(sed -nE 's/^\\fBamal ([a-z]+).*/\1/p' "$pages/man")"
for command in $commands; do
    "$amal" "$command" --help >"$pages/one"
    "$amal" help "$command" >"$pages/two"
    holds "amal help $command is amal $command --help" cmp "$pages/one" "$pages/two"
    "$amal" help man "$command" >"$pages/man.$command"
    options=$(sed -nE 's/^  (--[a-z-]+|-[A-Za-z]).*/\1/p' "$pages/one")
    same "amal-$command.1 lists the options" "$options" "$(sed -nE 's/^\\fB(\\-.*)\\fR$/\1/p' "$pages/man.$command" | sed -E 's/\\-/-/g; s/^(--[a-z-]+|-[A-Za-z]).*/\1/')"
    same "bash completes the options of $command" "$options" "$(awk -v c="    $command)" '$0 == c { getline; print }' "$pages/bash" | sed -nE 's/.*compgen -W "([^"]*)".*/\1/p' | tr ' ' '\n')"
    same "zsh completes the options of $command" "$options" "$(awk -v c="    $command)" '$0 == c { on = 1 } on { print } / ;;$/ { on = 0 }' "$pages/zsh" | sed -nE "s/^ *'\*(--[a-z-]+|-[A-Za-z]).*/\1/p")"
    same "fish completes the options of $command" "$(sort <<<"$options")" "$(sed -nE "s/.*from $command' -(l|s) ([A-Za-z-]+) .*/\1 \2/p; s/.*from $command' -(l|s) ([A-Za-z-]+)$/\1 \2/p" "$pages/fish" | sed -E 's/^l /--/; s/^s /-/' | sort)"
    # every option that a page lists is one that the command takes, and one that it does not list is refused
    for option in $options; do
        timeout 20 "$amal" "$command" "$option=" >"$pages/said" 2>&1 </dev/null
        if grep -q 'there is no option\|takes no --' "$pages/said"; then bad "amal $command $option" "$(cat "$pages/said")"; else ok; fi
    done
    expect 2 "there is no option --no-such-thing" "$command" --no-such-thing
done

# the pages are well-formed
if command -v groff >/dev/null; then
    for page in "$pages"/man "$pages"/man.*; do
        holds "$page has no faults" sh -c 'test -z "$(groff -man -ww -Tutf8 "$1" 2>&1 >/dev/null)"' sh "$page"
        holds "$page can be read" sh -c 'groff -man -Tascii -P-cbou "$1" | grep -q "^EXIT STATUS"' sh "$page"
    done
else
    skip "man pages without faults" "groff is not installed"
fi
for shell in zsh fish; do
    if command -v $shell >/dev/null; then holds "$shell reads its completions" $shell -n "$pages/$shell"; else skip "completions of $shell" "$shell is not installed"; fi
done

# bash's completions at work: words of a command line, the last one unfinished; what they complete to
completes() { # expected, words...
    local expected=$1 got
    shift
    got=$(cd "$tmp/command" && PATH="$(dirname "$amal"):$PATH" bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _amal
        printf "%s\n" "${COMPREPLY[@]}"' bash "$pages/bash" "$@")
    if [ "$(sort <<<"$got" | paste -sd ' ')" = "$expected" ]; then ok; else bad "completion of \`$*\`" "$got"; fi
}
completes "run" amal ru
completes "--keep-c" amal run points.amal --k
completes "factorize" amal run points.amal --strategy fa
completes "auto c cuda interp" amal run --backend ""
completes "points.amal" amal check poi
completes "simplify" amal run --disable simpl
completes "" amal run --threads ""
