# Starting and stopping programs by pid files; sourced by deploy/quickstart, which sets here, data, names,
# detach and die. $data/run/NAME.pid holds "PID START", START being the start time of /proc/PID/stat, so
# that a number that the kernel gave to another program is never taken for ours.

start_seconds=60 stop_seconds=30
declare -A children=() # pid -> name of what this script launched

# Field $2 of /proc/$1/stat, counted from the state: 1 state, 20 start time.
stat_field() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f"$2"; }

# remember NAME PID
remember() { printf '%s %s\n' "$2" "$(stat_field "$2" 20)" >"$data/run/$1.pid"; }

# Prints the pid of NAME if that very process still runs.
pid_of() {
    local pid began state
    read -r pid began 2>/dev/null <"$data/run/$1.pid" && [ -n "$began" ] || return 1
    state=$(stat_field "$pid" 1)
    [ -n "$state" ] && [ "$state" != Z ] && [ "$(stat_field "$pid" 20)" = "$began" ] && printf '%s' "$pid"
}

all_run() {
    local name
    for name in "${names[@]}"; do
        pid_of "$name" >/dev/null || return 1
    done
}

# SIGTERM, and SIGKILL to what does not end.
stop_one() {
    local pid tries
    if pid=$(pid_of "$1"); then
        kill -TERM "$pid" 2>/dev/null || true
        for ((tries = 0; tries < stop_seconds * 10; tries++)); do
            pid_of "$1" >/dev/null || break
            sleep 0.1
        done
        if pid_of "$1" >/dev/null; then
            printf 'quickstart: %s did not end within %s s and is killed\n' "$1" "$stop_seconds" >&2
            kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$data/run/$1.pid"
}

stop_all() {
    local i
    for ((i = ${#names[@]} - 1; i >= 0; i--)); do
        stop_one "${names[i]}"
    done
}

# launch NAME COMMAND...: in a session of its own; without --detach it dies with this script.
launch() {
    local name=$1 leash=(setpriv --pdeathsig TERM)
    shift
    [ -z "$detach" ] || leash=()
    setsid "${leash[@]}" "$@" </dev/null >>"$data/$name.log" 2>&1 7>&- 8>&- &
    children[$!]=$name
    remember "$name" $!
}

broken_start() {
    tail -n 20 "$data/$1.log" >&2 || true
    die "$1 did not start; its log: $data/$1.log"
}

# start NAME COMMAND...: launches and waits for sd_notify's READY=1.
start() {
    local name=$1 socket=@trunkline-$$-$1 line= waiter
    exec 8< <(exec "$here/await-ready" "$socket" "$start_seconds" 2>/dev/null 7>&-)
    waiter=$!
    read -r -u 8 line && [ "$line" = listening ] || die "deploy/await-ready does not run"
    NOTIFY_SOCKET=$socket launch "$@"
    line=
    until read -r -t 0.2 -u 8 line; do
        pid_of "$name" >/dev/null || break
        kill -0 "$waiter" 2>/dev/null || break
    done
    exec 8<&-
    kill "$waiter" 2>/dev/null || true
    [ "$line" = ready ] || broken_start "$name"
}

start_redis() {
    local host=$1 port=$2 tries
    mkdir -p "$data/redis"
    launch redis redis-server --bind "$host" --port "$port" --dir "$data/redis" --appendonly yes \
        --appendfsync always --save '' --daemonize no
    for ((tries = 0; tries < start_seconds * 10; tries++)); do
        [ "$(redis-cli -h "$host" -p "$port" ping 2>/dev/null)" != PONG ] || return 0
        pid_of redis >/dev/null || break
        sleep 0.1
    done
    broken_start redis
}
