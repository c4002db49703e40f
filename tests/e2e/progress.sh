#!/bin/bash
# Bars in a terminal, none in a pipe, and one summary at the end of each run.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

S=$SHM/src D=$SHM/dst
mkdir "$S"
for i in 1 2 3 4; do head -c 5M /dev/urandom >"$S/a-file-to-see-$i"; done

# terminal ARGUMENT...: ferry in one, 100 columns wide, then 50.
terminal() {
	rm -rf "$D"
	/usr/bin/python3 "$BIN/terminal.py" 100 2 "$FERRY" "$@" \
		>"$OUT" 2>"$ERR"
}

# Does the display redraw itself: by a carriage return or by moving up?
# shellcheck disable=SC2317 # called by check
redraws() { grep -qaP '\x1b\[[0-9]*[AKJG]|\r[^\n]' "$1"; }

terminal copy --bwlimit 10M "$S" "$D"
is "in a terminal: exit 0" $? 0
check "there is a display" redraws "$OUT"
says "with the transfers under way" a-file-to-see-1
check "with a percentage" grep -qaE '[0-9]%' "$OUT"
check "with a rate" grep -qaE '[0-9.]+ ?[kKMG]i?B/s' "$OUT"
check "all arrives" cmp "$S/a-file-to-see-4" "$D/a-file-to-see-4"
/usr/bin/python3 - "$OUT" >"$SHM/check" 2>&1 <<'END'
import re, sys
text = open(sys.argv[1], "rb").read().decode("utf-8", "replace")
before, _, after = text.partition("<resized>")
widest = lambda t: max(len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line))
                       for line in re.split(r"[\r\n]+", t))
print("widest before and after:", widest(before), widest(after))
# A picture of before may still be on its way; and the last line is no picture.
tail = re.sub(r"[^\r\n]*\Z", "", after[len(after) // 2:].rstrip())
sys.exit(not (widest(before) <= 100 and widest(tail) <= 50))
END
is "lines fit, also after the terminal became narrower" $? 0
check "the cursor is not left hidden" /usr/bin/python3 -c '
import sys
t = open(sys.argv[1], "rb").read()
sys.exit(t.rfind(b"\x1b[?25l") > t.rfind(b"\x1b[?25h"))' "$OUT"

terminal copy --no-progress "$S" "$D"
check "--no-progress: no display" test -z "$(tr -cd '\033' <"$OUT")"
terminal copy -q "$S" "$D"
check "-q: nothing at all" test -z "$(sed '/<resized>/d' "$OUT" | tr -d '\n')"

# A name must not be able to steer the terminal.
esc=$(printf 'evil\033]0;title\007\033[2J')
echo x >"$S/$esc"
terminal copy -v "$S" "$D"
check "control characters in a name are made harmless" \
	test -z "$(grep -aF ']0;title'$'\a' "$OUT")"
terminal ls "$S"
check "in a listing, too" test -z "$(grep -aF $'\033]0' "$OUT")"
rm "$S/$esc"

rm -rf "$D"
"$FERRY" copy --bwlimit 20M "$S" "$D" >"$OUT" 2>"$ERR"
is "into files: exit 0" $? 0
check "no control characters" test -z "$(cat "$OUT" "$ERR" | tr -cd '\033\r')"
check "one summary" test -s "$ERR" -o -s "$OUT"
rm -rf "$D"
"$FERRY" copy "$S" "$D" 2>&1 | cat >"$OUT"
check "nor into a pipe" test -z "$(tr -cd '\033\r' <"$OUT")"
says "the summary tells the bytes" "20 MiB"

rm -rf "$D"
ferry copy --stats 200ms --bwlimit 10M "$S" "$D"
is "--stats: a line now and then" "$(($(wc -l <"$ERR") > 3))" 1
check "without control characters" test -z "$(tr -cd '\033\r' <"$ERR")"

e2e_end
