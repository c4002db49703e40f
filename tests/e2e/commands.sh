#!/bin/bash
# copy, copyto, move, moveto, sync and the small ones: the same files as
# rclone leaves on the same input; and what ferry has by itself.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need rclone

IN=$SHM/in
cat >"$BIN/inputs.py" <<'END'
import os, sys
top = sys.argv[1]
T = 1600000000
def put(path, text, t=T):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.utime(path, (t, t))
def both(path, a, b, ta=T, tb=T):
    put("src/" + path, a, ta)
    put("dst/" + path, b, tb)
both("same.txt", "same", "same")
both("newer.txt", "aaaa", "bbbb", T + 9000, T)
both("older.txt", "aaaa", "bbbb", T, T + 9000)
both("size.txt", "longer", "short")
both("touched.txt", "equal", "equal", T + 3000, T)
both("touched-back.txt", "equal", "equal", T, T + 3000)
both("content.txt", "aaaa", "bbbb")
both("second.txt", "equal", "equal", T + 1, T)
both("sub/same.jpg", "same", "same")
both("sub/newer.jpg", "aa", "bb", T + 9000, T)
both("sub/deep/er/file.txt", "x" * 5000, "y" * 300)
for name in ("new.txt", ".hidden", "sp ace.txt", "empty", "sub/new.txt",
             "sub/deep/x.JPG", "sub2/only.jpg", "sub2/.hid/f", "big.bin",
             "sub/new/new/new", "[odd].txt", "a*b.txt", "\u00e9.txt"):
    put("src/" + name, "" if name == "empty" else name * 30)
put("src/huge.bin", "h" * 3000000)
put("src/ancient.txt", "old", 100000)
for name in ("extra.txt", "sub/extra.txt", "extra/dir/file.jpg", "e.bin"):
    put("dst/" + name, "extra")
END
/usr/bin/python3 "$BIN/inputs.py" "$IN"

# One run of each: $SHM/run/{rclone,ferry}/{src,dst,bak}.
prepare() {
	rm -rf "$SHM/run"
	mkdir -p "$SHM/run/rclone/bak" "$SHM/run/ferry/bak"
	cp -a "$IN/." "$SHM/run/rclone"
	cp -a "$IN/." "$SHM/run/ferry"
}

# What both left behind is the same.  A folder that holds nothing is
# left out: rclone makes none, ferry between two disks makes all.
alike() {
	treediff --files "$SHM/run/rclone" "$SHM/run/ferry"
}

# like COMMAND ARGUMENT...: SRC, DST and BAK stand for the folders of each.
# ferry is told --no-metadata, since this rclone keeps none.
like() {
	local name="$*" r f a
	local rargs=() fargs=()
	for a in "$@"; do
		case $a in
		SRC* | DST* | BAK*)
			a=${a/#SRC/src} a=${a/#DST/dst} a=${a/#BAK/bak}
			rargs+=("$SHM/run/rclone/$a")
			fargs+=("$SHM/run/ferry/$a")
			;;
		*) rargs+=("$a") fargs+=("$a") ;;
		esac
	done
	case $1 in
	copy | copyto | move | moveto | sync) fargs+=(--no-metadata) ;;
	esac
	prepare
	rclone --retries 1 "${rargs[@]}" >"$SHM/rclone.out" 2>&1
	r=$?
	ferry "${fargs[@]}"
	f=$?
	if [ $((r == 0)) != $((f == 0)) ]; then
		not_ok "$name: exit $f, rclone's $r" "$ERR" "$SHM/rclone.out"
		return
	fi
	if alike >"$SHM/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name: (A rclone, B ferry)" "$SHM/check" "$ERR"
	fi
}

for cmd in copy sync; do
	like $cmd SRC DST
	like $cmd SRC/ DST/
	like $cmd SRC DST/not/there/yet
	for flag in --update --ignore-existing --size-only --checksum \
		--ignore-times --immutable --ignore-size "--update --checksum" \
		"--update --size-only" "--size-only --ignore-existing" \
		"--max-depth 1" "--max-depth 2" "--modify-window 1h" \
		"--modify-window 1s" "--max-size 1k" "--min-size 100b" \
		"--min-size 1k --max-size 10k" "--max-age 20y" \
		"--min-age 20y" "--transfers 1 --checkers 1" \
		"--transfers 16" "--dry-run" "--suffix .old" \
		"--backup-dir BAK" "--backup-dir BAK --suffix .old"; do
		case "$cmd $flag" in
		# Names that the source has, but too large, stay: rclone
		# deletes them.
		"sync --max-size 1k") continue ;;
		esac
		# shellcheck disable=SC2086
		like $cmd $flag SRC DST
	done
	for filter in "--include *.txt" "--include=*.jpg" "--include /*.txt" \
		"--include sub/**" "--include sub/*.txt" "--include **/new" \
		"--include *.{jpg,txt}" "--include [a-n]*" "--include ?????.txt" \
		"--exclude *.txt" "--exclude /new.txt" \
		"--exclude new.txt" "--exclude sub/" "--exclude /sub/**" \
		"--exclude .*" "--exclude .*/**" "--exclude \\[odd\\].txt" \
		"--exclude {{.*\\.(jpg|bin)}}" "--exclude *.jpg --ignore-case" \
		"--include *.txt --include *.jpg" "--exclude a* --exclude n*" \
		"--exclude extra/**" "--exclude e*" \
		"--delete-excluded --exclude *.txt"; do
		case "$cmd $filter" in
		"copy --delete-excluded"*) continue ;;
		esac
		set -f
		# shellcheck disable=SC2086
		like $cmd $filter SRC DST
		set +f
	done
	like $cmd --filter '- sub/deep/**' --filter '+ sub/**' --filter '- *.txt' \
		SRC DST
	like $cmd --filter '+ *.txt' --filter '- *' SRC DST
	like $cmd --filter '+ /sub/new.txt' --filter '- /sub/**' SRC DST
done

like copy SRC/new.txt DST
like copy SRC/new.txt DST/new/folder
like copy SRC/newer.txt DST
like sync SRC/newer.txt DST
like copyto SRC/new.txt DST/renamed.txt
like copyto SRC/new.txt DST/sub/renamed.txt
like copyto SRC/new.txt DST/a/b/c.txt
like copyto SRC/newer.txt DST/size.txt
like copyto SRC/older.txt DST/older.txt --update
like copyto SRC DST/all
like copyto SRC/sub DST/sub2
like moveto SRC/new.txt DST/renamed.txt
like moveto SRC/newer.txt DST/same.txt
like moveto SRC/sub DST/sub3
like moveto SRC/sub DST/sub
like move SRC DST
like move SRC DST/new
like move SRC/new.txt DST
like move SRC/same.txt DST
like move --delete-empty-src-dirs SRC DST
like move --ignore-existing SRC DST
like move --dry-run SRC DST
like move --include '*.jpg' SRC DST
like move --max-depth 1 SRC DST
like move --backup-dir BAK SRC DST
like delete DST
like delete --include '*.txt' DST
like delete --min-size 100b DST
like delete --dry-run DST
like delete --rmdirs DST
like deletefile DST/same.txt
like deletefile DST/not-there
like deletefile DST/sub
like purge DST/sub
like purge DST
like purge --dry-run DST
like purge DST/same.txt
like rmdir DST/sub
like rmdir DST/not-there
like mkdir DST/new/er
like mkdir DST/sub

for sum in md5 sha1 sha256; do
	prepare
	rclone hashsum $sum "$IN/src" 2>/dev/null | sort >"$SHM/want"
	ferry hashsum $sum "$IN/src"
	sort "$OUT" >"$SHM/got"
	check "hashsum $sum is rclone's" diff "$SHM/want" "$SHM/got"
done
rclone check "$IN/src" "$IN/dst" --combined - 2>/dev/null | sort >"$SHM/want"
ferry check "$IN/src" "$IN/dst" --no-metadata --combined -
is "check finds differences: exit 1" $? 1
sort "$OUT" >"$SHM/got"
check "check --combined is rclone's" diff "$SHM/want" "$SHM/got"
exits 0 "check of equal trees" check "$IN/src" "$IN/src"

# rclone deletes what it did not move, too.
prepare
R=$SHM/run/ferry
exits 0 "move --update" move --update "$R/src" "$R/dst"
check "leaves the file whose destination is newer" test -e "$R/src/older.txt"
check "on both sides" grep -qx bbbb "$R/dst/older.txt"
check "moves the others" test ! -e "$R/src/newer.txt"

# What rclone of this age does not have.
prepare
R=$SHM/run/ferry
inode=$(stat -c %i "$R/dst/newer.txt")
exits 0 "--inplace" copy --inplace "$R/src" "$R/dst"
is "writes into the file itself" "$(stat -c %i "$R/dst/newer.txt")" "$inode"
check "and all of it" cmp "$R/src/newer.txt" "$R/dst/newer.txt"
check "and cuts it" cmp "$R/src/size.txt" "$R/dst/size.txt"

prepare
chmod 4711 "$R/src/new.txt"
setfattr -n user.a -v b "$R/src/new.txt"
ln -s target "$R/src/symlink"
exits 0 "--no-metadata" copy --no-metadata "$R/src" "$R/dst"
is "leaves the mode" "$(stat -c %a "$R/dst/new.txt")" 644
is "keeps the mtime" "$(stat -c %Y "$R/dst/new.txt")" 1600000000
is "leaves attributes" "$(getfattr -d -m user "$R/dst/new.txt")" ""

prepare
exits 0 "--fsync" sync --checksum --fsync "$R/src" "$R/dst"
silent "does the same" treediff "$R/src" "$R/dst"
prepare
exits 0 "--no-verify" sync --checksum --no-verify "$R/src" "$R/dst"
silent "does the same" treediff "$R/src" "$R/dst"

prepare
exits 0 "names that look like flags, after --" copy -- "$R/src" "$R/-dst"
silent "are names" treediff "$R/src" "$R/-dst"
(cd "$R" && "$FERRY" copy ./src "./a:b") >"$OUT" 2>"$ERR"
check "./a:b is a path" test -e "$R/a:b/same.txt"

prepare
exits 0 "--json" sync --json "$R/src" "$R/dst"
check "prints one object a line" /usr/bin/python3 -c '
import json, sys
for line in open(sys.argv[1]):
    assert isinstance(json.loads(line), dict)' "$OUT"
prepare
exits 0 "-v names each" sync -v "$R/src" "$R/dst"
says "file" new.txt
exits 0 "-q" sync -q "$R/src" "$R/dst"
silent "says nothing" cat "$OUT" "$ERR"
exits 0 "--log-file" sync -v --log-file "$SHM/log" "$R/src" "$R/dst2"
check "has the log" test -s "$SHM/log"

e2e_end
