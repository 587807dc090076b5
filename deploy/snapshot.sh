# What deploy/backup and deploy/restore share; sourced by them. Both set conf (the settings) and work (a private
# folder, mode 0700, gone at their end).

build=${TRUNKLINE_BUILD:-}
trunkctl=${build:+$build/daemon/}trunkctl
trunkd=${build:+$build/daemon/}trunkd
private_pid=

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
# The comment at the top of the script, as its help.
help_text() { sed -n '2,/^[^#]/s/^# \?//p' "$0"; }

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || die "needs $tool (Debian: redis-server, redis-tools, rsync, util-linux, trunkd)"
    done
}

# setting SECTION KEY: what the settings say, or else the programs' default.
setting() {
    { "$trunkd" --conf-reference; cat "$conf"; } | awk -v section="$1" -v key="$2" '
        /^[ \t]*[#;]/ { next }
        /^[ \t]*\[/ { gsub(/[][ \t\r]/, ""); in_section = $0 == section; next }
        in_section && (at = index($0, "=")) {
            name = substr($0, 1, at - 1); gsub(/[ \t]/, "", name)
            if (name != key) next
            value = substr($0, at + 1); sub(/[ \t]+;.*/, "", value); gsub(/^[ \t]+|[ \t\r]+$/, "", value)
        }
        END { print value }'
}

# A redis-server of our own on a unix socket, with FILE as its data; it writes nothing by itself.
start_private() {
    local tries file=$1
    redis-server --port 0 --unixsocket "$work/redis.sock" --unixsocketperm 700 --dir "$(dirname "$file")" \
        --dbfilename "$(basename "$file")" --appendonly no --save '' --daemonize no >"$work/redis.log" 2>&1 </dev/null &
    private_pid=$!
    for ((tries = 0; ; tries++)); do
        case $(redis-cli -s "$work/redis.sock" ping 2>/dev/null) in
        PONG) return 0 ;;
        *LOADING*) tries=0 ;; # a large one takes its time
        esac
        if ! kill -0 "$private_pid" 2>/dev/null || [ "$tries" -ge 300 ]; then
            tail -n 5 "$work/redis.log" >&2
            die "redis-server can't load $file"
        fi
        sleep 0.1
    done
}

private() { redis-cli -s "$work/redis.sock" "$@"; }

stop_private() {
    [ -n "$private_pid" ] || return 0
    kill -TERM "$private_pid" 2>/dev/null || true
    wait "$private_pid" 2>/dev/null || true
    private_pid=
}

# trunkctl on the private server.
private_ctl() {
    local options=(-o "redis.address=unix:$work/redis.sock" -o redis.user= -o redis.password=)
    [ ! -e "$conf" ] || options=(-c "$conf" "${options[@]}")
    "$trunkctl" "${options[@]}" "$@"
}

# The books of every account, a line each, sorted: account admitted refused cdrs live balance ledger differences.
# `reconcile` ends with 1 when they differ; that is told in the last column.
private_books() {
    private_ctl reconcile >"$work/reconcile" 2>"$work/reconcile.err" || grep -q 'books differ' "$work/reconcile.err" ||
        die "trunkctl reconcile: $(cat "$work/reconcile.err")"
    awk 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { print $at["accountno"], $at["admitted"], $at["refused"], $at["cdrs"], $at["live"], $at["balance"],
              $at["ledger"], $at["differences"] }' "$work/reconcile" | sort
}

# column N: sum of a column of the books on stdin.
column() { awk -v n="$1" '{ sum += $n } END { printf "%d\n", sum }'; }
