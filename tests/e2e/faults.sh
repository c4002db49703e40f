#!/bin/bash
# Places that misbehave (:fault,remote=...), from the command line: what is
# tried again, what is resumed, and what each failure costs.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

S=$SHM/src D=$SHM/dst
fresh() {
	rm -rf "$S" "$D"
	mkdir -p "$S/a" "$S/b" "$D/a" "$D/old"
	for i in 1 2 3 4 5; do
		head -c "${i}0000" /dev/urandom >"$S/a/$i"
		echo "$i" >"$S/b/$i"
		echo "extra" >"$D/old/$i"
	done
	head -c 3M /dev/urandom >"$S/large"
	echo old >"$D/a/1"
}

# bad OPTIONS PLACE: the same place with something wrong with it.
bad() { echo ":fault,remote=$2,$1:"; }

# retried NAME OPTIONS: at the destination, then at the source.
retried() {
	fresh
	exits 0 "$1 at the destination" sync "$S" "$(bad "$2" "$D")"
	silent "all is there" treediff "$S" "$D"
	check "nothing is left over" no_strays "$D"
	fresh
	exits 0 "$1 at the source" sync "$(bad "$2" "$S")" "$D"
	silent "all is there" treediff "$S" "$D"
	check "nothing is left over" no_strays "$D"
}
retried "the first calls fail" "calls=1-2,error=network"
# (they wait so long that those that go well are over before they try again)
retried "every third call fails" "calls=/3,error=network,retry_after=100ms"
retried "every fourth call is too much" "calls=/4,error=busy,retry_after=100ms"
retried "listings time out" "op=list,calls=/2,error=timeout,retry_after=100ms"
retried "bodies break off" "op='get put copy',cut=20000,calls=1-2,error=network"

for op in put copy mkdir set_meta unlink; do
	fresh
	exits 0 "the answer to $op is lost" sync "$S" \
		"$(bad "op=$op,calls=1,error=network,after=true" "$D")"
	silent "all is there" treediff "$S" "$D"
done

# A plain driver, that only gets and puts.
fresh
exits 0 "from memory and back through faults" copy "$S" \
	"$(bad "calls=/5,error=network,retry_after=100ms" "$D")" --no-metadata --checksum
check "the content is right" cmp "$S/large" "$D/large"

# What does not get better.
fresh
exits 3 "one file that cannot be put" sync "$S" \
	"$(bad "op='put copy',path=a/3,error=denied" "$D")"
says "it is named" a/3
check "the others are there" cmp "$S/a/5" "$D/a/5"
check "nothing is deleted after a failure" test -e "$D/old/1"

fresh
exits 3 "a folder of the source that cannot be listed" sync \
	"$(bad "op=list,path=a,error=denied" "$S")" "$D"
says "it is named" a
check "the rest is copied" cmp "$S/b/1" "$D/b/1"
check "nothing is deleted" test -e "$D/old/1" -a -e "$D/a/1"

fresh
exits 3 "a folder of the destination that cannot be listed" sync "$S" \
	"$(bad "op=list,path=old,error=io" "$D")"
check "nothing is deleted" test -e "$D/old/1"

fresh
ferry sync "$(bad "op=list,error=denied" "$S")" "$D"
is "a source that cannot be listed at all fails" "$(($? != 0))" 1
check "and nothing is deleted" test -e "$D/old/1"

fresh
ferry sync "$S" "$(bad "op='put copy',error=no-space" "$D")"
is "a full destination fails" "$(($? == 1 || $? == 3))" 1
check "the old file stays" grep -qx old "$D/a/1"
check "no stray" no_strays "$D"

fresh
exits 5 "credentials refused" sync "$S" "$(bad "error=auth" "$D")"

fresh
exits 3 "a file that is shorter than it was listed" sync \
	"$(bad "op=list,path=b,grow=10" "$S")" "$D"
says "it is named" b/3
check "and it is not there" test ! -e "$D/b/3"
check "nor a part of it" no_strays "$D"
check "the others are" cmp "$S/large" "$D/large"

fresh
ferry sync "$S" "$(bad "op='put copy',path=large,cut=5000" "$D")"
is "a body cut short is noticed" "$(($? == 3 || $? == 0))" 1
check "no short file appears" test ! -e "$D/large" -o \
	-z "$(cmp "$S/large" "$D/large" 2>&1)"

# Called off while a call hangs.
fresh
/usr/bin/python3 "$BIN/interrupt.py" SIGINT 0.5 "$FERRY" sync "$S" \
	"$(bad "delay=1m" "$D")" >"$OUT" 2>"$ERR"
is "called off during a slow call: at once, exit 130" "$(cat "$OUT")" \
	"130 quick"

for wrong in "op=frob" "error=frob" "calls=x" "frob=1"; do
	exits 2 "$wrong is wrong usage" ls "$(bad "$wrong" "$S")"
done

e2e_end
