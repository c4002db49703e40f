# shellcheck shell=bash
# WebDAV servers for the whole-program tests; sourced after tests/lib/e2e.sh.

SERVERS=$ROOT/tests/servers
DELAY_PROXY=${FERRY_BUILD:-$ROOT/build/plain}/tests/lib/delay_proxy
declare -A URL=()  # of each server and what stands in front of one
declare -A KIND=() # what it is, in the end
helpers=()
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
# The tests write to rclone's folder, too.
export RCLONE_DIR_CACHE_TIME=1s
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

webdav_clean() {
	local d
	for d in "$SHM"/srv/*/pid; do
		[ ! -e "$d" ] || "$SERVERS/stop" "${d%/pid}"
	done
	[ ${#helpers[@]} = 0 ] || kill "${helpers[@]}" 2>/dev/null
	e2e_clean
}
trap webdav_clean EXIT
mkdir "$SHM/srv"

# serve NAME KIND [PORT]: its files are in $(files NAME).  USER, PASS, TLS and
# AUTH as for tests/servers/start.
serve() {
	local dir=$SHM/srv/$1
	if ! "$SERVERS/start" "$2" "$dir" "${3:-}" >"$SHM/start-$1" 2>&1; then
		not_ok "$1 starts" "$SHM/start-$1"
		e2e_end
	fi
	URL[$1]=$(cat "$dir/url")
	KIND[$1]=$2
}

# end_helper: the last one; its number may soon be another's.
end_helper() {
	kill "${helpers[-1]}"
	wait "${helpers[-1]}" 2>/dev/null
	unset 'helpers[-1]'
}

# All at once.
serve_all() {
	local s pids=()
	for s; do
		"$SERVERS/start" "$s" "$SHM/srv/$s" >"$SHM/start-$s" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	for s; do
		[ -e "$SHM/srv/$s/url" ] || {
			not_ok "$s starts" "$SHM/start-$s"
			e2e_end
		}
		URL[$s]=$(cat "$SHM/srv/$s/url")
		KIND[$s]=$s
	done
}

files() { echo "$SHM/srv/$1/files"; }
log_of() { echo "$SHM/srv/$1/log/requests"; }
port_of() { local p=${URL[$1]#*://*:}; echo "${p%%/*}"; }

# through NAME SERVER COMMAND...: a proxy in front of it, which says its port.
through() {
	local name=$1 server=$2 port
	shift 2
	mkdir -p "$SHM/srv/$name"
	"$@" >"$SHM/srv/$name/said" 2>"$SHM/srv/$name/err" </dev/null &
	helpers+=($!)
	for _ in {1..1200}; do
		port=$(sed -n 's/^port=//p' "$SHM/srv/$name/said")
		[ -z "$port" ] || break
		sleep 0.05
	done
	[ -n "$port" ] || { not_ok "$name starts" "$SHM/srv/$name/err"; e2e_end; }
	URL[$name]=${URL[$server]/:$(port_of "$server")\//:$port/}
	KIND[$name]=${KIND[$server]}
}

# front NAME SERVER: one that misbehaves as faults() tells it.
front() {
	mkdir -p "$SHM/srv/$1"
	through "$1" "$2" /usr/bin/python3 "$SERVERS/fault_front.py" \
		"$SHM/srv/$1" "$("$SERVERS/port" "$SHM/srv/$1")" \
		"127.0.0.1:$(port_of "$2")"
}

# long_line NAME SERVER OPTION... MILLISECONDS
long_line() {
	local name=$1 server=$2 ms=${*: -1}
	shift 2
	through "$name" "$server" "$DELAY_PROXY" "${@:1:$#-1}" 0 \
		"127.0.0.1:$(port_of "$server")" "$ms"
}

# faults NAME RULE...: from now on; none: it behaves.
faults() {
	local dir=$SHM/srv/$1
	shift
	printf '%s\n' "$@" >"$dir/faults.new"
	mv "$dir/faults.new" "$dir/faults"
}

# at NAME PATH [OPTION,...]: the place there.
at() {
	local vendor=other
	[ "${KIND[$1]}" != nextcloud ] || vendor=nextcloud
	echo ":webdav,url=\"${URL[$1]}\",vendor=$vendor${3:+,$3}:$2"
}

# requests FILE REGEX: how many lines of the log fit.
requests() { grep -acE "$2" "$1"; }

# A server writes down what it was asked when it has answered, or a bit later.
written_down() {
	local was=-1 now
	for _ in {1..100}; do
		now=$(stat -c %s "$(log_of "$1")")
		[ "$now" != "$was" ] || return
		was=$now
		sleep 0.2
	done
}

# marked SERVER; since SERVER REGEX: lines since then.
marked() { written_down "$1"; : >"$(log_of "$1")"; }
since() { requests "$(log_of "$1")" "$2"; }

# at_least NAME VALUE LEAST
at_least() {
	if [ "$2" -ge "$3" ]; then
		ok "$1"
	else
		not_ok "$1: $2, not at least $3" "$ERR"
	fi
}

# tells NAME REGEX: the last ferry did, in some words.
tells() {
	if grep -qaiE -e "$2" "$ERR" "$OUT"; then
		ok "$1"
	else
		not_ok "$1: nothing like \"$2\"" "$ERR" "$OUT"
	fi
}

# fails NAME ARGUMENT...: ferry ends by itself, with some status of failure.
fails() {
	local name=$1 got
	shift
	timeout -s KILL 100 "$FERRY" "$@" >"$OUT" 2>"$ERR" </dev/null
	got=$?
	if [ $got -gt 0 ] && [ $got -lt 120 ]; then
		ok "$name"
	else
		not_ok "$name: exit $got: ferry $*" "$ERR" "$OUT"
	fi
}

# lacks FILE TEXT...: none of these is in it.
lacks() {
	local file=$1 t
	shift
	for t; do
		! grep -aF -e "$t" "$file" || return 1
	done
}

# The same names and contents; Apache's own folders do not count.
same_files() { diff -r --no-dereference -x .DAV "$1" "$2"; }

# tree.py DIR KIND: names that trip web servers and their clients.
cat >"$BIN/tree.py" <<'PY'
import os, random, sys
top, kind = sys.argv[1], sys.argv[2]
rng = random.Random(5)
T = 1600000000
NAMES = ["plain", "sp ace", "per%cent", "%41", "%2F", "%", "hash#tag", "que?ry",
         "plus+", "amp&amp;", "semi;colon", "equals=", "comma,", "at@", "co:lon",
         "dollar$", "(paren)", "[brackets]", "{braces}", "tilde~",
         "umlaut-\u00e4\u00f6\u00fc", "decomposed-e\u0301", "\U0001f600",
         "\u65e5\u672c\u8a9e", 'quo"te', "apo'strophe", "less<greater>",
         "pi|pe", "car^et", "back`tick", "trailing ", " leading", "dot.",
         "..dots", "...", "-dash", "l" * 240, "\u00e4" * 120, "star*", ".hidden",
         "n\u00a0bsp", "exclamation!", "CON", "index.html", "README"]
if kind == "nginx":  # which lists no name with a dot in front
    NAMES = [n for n in NAMES if n[0] != "."]
# lighttpd refuses control characters, rclone shows them as others.
if kind not in ("lighttpd", "rclone", "mild"):
    NAMES += ["tab\there", "new\nline"]
if kind not in ("nextcloud", "mild"):
    NAMES += ["back\\slash"]
n = 0
def put(path, size):
    global n
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(rng.randbytes(size))
    n += 1
    os.utime(path, (T + n * 60, T + n * 60))
for i, name in enumerate(NAMES):
    put(name, i * 7)
    put("dirs/%s/in" % name, 10)
for i in range(60):
    put("many/%d" % i, 100)
put("/".join("deep%d" % i for i in range(12)) + "/file", 100)
put("empty", 0)
put("sizes/8k", 8192)
put("sizes/1M", 1 << 20)
put("sizes/9M", 9 << 20)
if kind != "mild":
    os.makedirs(top + "/nothing/in here")
PY
tree() { /usr/bin/python3 "$BIN/tree.py" "$@"; }
