#!/bin/bash
# ferry and restic take turns on one repository: what one has saved the other
# does not save again, and makes the same trees of it, byte for byte.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$(dirname "$0")/../lib/repo.sh"

S=$SHM/src
W=$SHM/work # where relative paths begin
mkdir -p "$W/deep/er" "$W/cut"

# Files that are cut into many pieces, of random bytes and of what compresses.
head -c 20M /dev/urandom >"$W/cut/random"
seq 1000000 >"$W/cut/text"
head -c 9M /dev/zero >"$W/cut/zeros"
for n in 524287 524288 524289 8388607 8388608 8388609; do
	head -c $n "$W/cut/random" >"$W/cut/$n"
done
maketree "$S" --small
rm "$S/special/socket"
touch -d 2020-02-02 "$S/special"
cp -a "$S/names" "$W/names"
echo x >"$W/file"
echo y >"$W/deep/er/file"

# as_ferry, as_restic ARGUMENT...: a backup by this one.
as_ferry() { "$FERRY" backup --force "$@" >"$OUT" 2>"$ERR"; }
as_restic() { restic backup --force "$@" >"$OUT" 2>"$ERR"; }

# made [FOLDER]: the last snapshot's tree, or of this folder in it.
made() { if [ -n "${1:-}" ]; then subtree "$1"; else tree_id; fi; }

# in_turn NAME FOLDER PATH...: in this folder one saves the paths, then the
# other: no blob is new, and the trees are the same; once with each first.
in_turn() {
	local name=$1 folder=$2 first second by abs=
	shift 2
	case $1 in
	/*)
		abs=$(realpath -ms "$1")
		[ -d "$abs" ] || abs=${abs%/*}
		;;
	esac
	for by in "restic ferry" "ferry restic"; do
		read -r first second <<<"$by"
		rm -rf "$RESTIC_REPOSITORY/data" "$RESTIC_REPOSITORY/index" \
			"$RESTIC_REPOSITORY/snapshots" "$RESTIC_CACHE_DIR"
		mkdir "$RESTIC_REPOSITORY/data" "$RESTIC_REPOSITORY/index" \
			"$RESTIC_REPOSITORY/snapshots"
		cd "$folder" || exit 1
		if ! "as_$first" "${flags[@]}" "$@"; then
			not_ok "$name: $first's backup" "$ERR"
			continue
		fi
		all_blobs >"$SHM/blobs1"
		tree=$(made "$abs")
		if ! "as_$second" "${flags[@]}" "$@"; then
			not_ok "$name: $second's backup" "$ERR"
			continue
		fi
		all_blobs >"$SHM/blobs2"
		is "$name: $second makes the tree that $first made" \
			"$(made "$abs")" "$tree"
		# Of folders above an absolute path, others change the times.
		comm -13 "$SHM/blobs1" "$SHM/blobs2" |
			grep "${abs:+^data}" >"$SHM/new"
		check "$name: and adds no blob to $first's" \
			test ! -s "$SHM/new" -a -s "$SHM/blobs1"
		[ "$first" = ferry ] || continue
		back "$SHM/back" >"$SHM/said" 2>&1 ||
			not_ok "$name: restored by restic" "$SHM/said"
	done
}

i=0
for RESTIC in "${judges[@]}"; do
	v=$(version_of "$RESTIC")
	for version in 1 2; do
		for mode in auto off max; do
			if [ $version = 1 ]; then
				[ $mode = auto ] || continue
				flags=()
			else
				flags=(--compression "$mode")
			fi
			name="restic $v, version $version, $mode"
			fresh "$SHM/repo" $version
			i=$((i + 1))
			export TZ
			case $((i % 4)) in
			1) TZ=UTC ;;
			0) TZ=America/St_Johns ;;
			2) TZ=Asia/Kathmandu ;;
			3) TZ=Europe/Berlin ;;
			esac
			if [ "$v" = 0.14.0 ]; then # does not know all
				rm -rf "$W"/names/links "$S"/names/links \
					"$S"/links/bad "$S"/xattrs/link
			fi
			in_turn "$name, in $TZ" "$W" .
			in_turn "$name: all kinds of entries" / "$S"
			# Elsewhere clocks were no whole minutes from UTC
			# in 1901, which the format cannot tell.
			if [ "$TZ" = UTC ]; then
				silent "$name: restored, it is the same" \
					treediff "$S" "$SHM/back$S"
			fi
			sound "$name: the repository is sound"
		done
	done
done
rm -rf "$SHM/back"
TZ=UTC
flags=()

# Paths as they are written.
for RESTIC in "${judges[@]}"; do
	v=$(version_of "$RESTIC")
	fresh "$SHM/repo"
	in_turn "$v: a folder" "$W" deep
	in_turn "$v: a path" "$W" deep/er
	in_turn "$v: a file" "$W" file
	in_turn "$v: a file below" "$W" deep/er/file
	in_turn "$v: several" "$W" deep file names
	in_turn "$v: one in another" "$W" deep deep/er
	in_turn "$v: not in order" "$W" names file deep/er/file
	in_turn "$v: a file, absolute" / "$W/file"
	[ "$RESTIC" = "${judges[0]}" ] || continue
	in_turn "$v: twice the same" "$W" file ./file file
	in_turn "$v: ./ and doubled slashes" "$W" ./deep//er/./
	in_turn "$v: .. in the middle" "$W" deep/../file
	in_turn "$v: .. in front" "$W/deep" ../file
	in_turn "$v: more of these" "$W/deep/er" ../../file ../er/file ../../deep
	in_turn "$v: two of one name" "$W/deep" er ../file er/file
	in_turn "$v: .. alone" "$W/deep/er" ..
	in_turn "$v: . and another" "$W/deep" . ../file
	in_turn "$v: absolute and unclean" / "$W/deep/../deep/./er//"
done

# Many small files, and a second time with other sizes of packs.
mkdir -p "$W/many"
/usr/bin/python3 - "$W/many" <<'PY'
import os, random, sys
rng = random.Random(3)
for i in range(10000):
    d = "%s/%d" % (sys.argv[1], i % 100)
    os.makedirs(d, exist_ok=True)
    with open("%s/%d" % (d, i), "wb") as f:
        f.write(rng.randbytes(rng.randrange(3000)))
PY
RESTIC=${judges[0]}
in_turn "10,000 files" "$W" many
sound "10,000 files: sound"

# Keys: each tool opens with any of the passwords, whoever made the key.
printf 'second' >"$SHM/second"
printf 'third' >"$SHM/third"
for RESTIC in "${judges[@]}"; do
	v=$(version_of "$RESTIC")
	fresh "$SHM/repo"
	check "$v: restic adds a password" restic key add \
		--new-password-file "$SHM/second"
	RESTIC_PASSWORD=second exits 0 "$v: ferry opens with it" backup "$W/file"
	RESTIC_PASSWORD=second exits 0 "$v: and goes by its variable" \
		snapshots --json
	RESTIC_PASSWORD='' exits 0 "$v: or a file" snapshots -p "$SHM/second"
	exits 0 "$v: or with the first" snapshots
	RESTIC_PASSWORD=third exits 12 "$v: no other opens it" snapshots
	exits 0 "$v: a new repository of restic's" version
	rm -rf "$SHM/theirs"
	RESTIC_PASSWORD=theirs "$RESTIC" -q init -r "$SHM/theirs" >"$SHM/said"
	RESTIC_PASSWORD=theirs exits 0 "$v: ferry saves into it" backup \
		-r "$SHM/theirs" "$W/cut"
	RESTIC_PASSWORD=theirs RESTIC_REPOSITORY=$SHM/theirs \
		sound "$v: and it is sound"
	rm -rf "$SHM/theirs"
done

# What the one lists, the other lists.
RESTIC=${judges[0]}
fresh "$SHM/repo"
as_ferry --tag one,two --host h1 "$W/file"
as_restic --tag three --host h2 "$W/deep"
as_ferry "$W/cut/8388607"
for what in '.[].id' '.[].paths' '.[].tags' '.[].hostname' '.[].tree' \
	'.[].time' '.[].username' '.[].uid' '.[].short_id'; do
	exits 0 "snapshots --json" snapshots --json
	is "$what is what restic says" "$(jq -c "$what" "$OUT" | tr '\n' ' ')" \
		"$(restic snapshots --no-lock --json | jq -c "$what" | tr '\n' ' ')"
done
for what in packs blobs index snapshots keys; do
	exits 0 "list $what" repo list $what
	sort "$OUT" >"$SHM/ours"
	restic list --no-lock $what | sort >"$SHM/theirs"
	check "is what restic lists" cmp "$SHM/ours" "$SHM/theirs"
done

e2e_end
