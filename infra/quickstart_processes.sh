# shellcheck shell=bash disable=SC2154  # Sourced by infra/quickstart, which sets the variables.
# Starts and stops the nodes and NGINX of the quickstart. Everything they write is below $state.

log_of() { mkdir -p "$state/logs"; echo "$state/logs/$1.log"; }

show_log_and_fail() {
  echo "--- last lines of $1" >&2
  tail -n 30 "$1" >&2 || true
  fail "$2; the whole log is $1"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Is the process of this pid file still the one that was started for $2, a part of its command line?
is_ours() {
  local pid
  pid="$(cat "$1" 2>/dev/null)" || return 1
  [[ "$pid" =~ ^[0-9]+$ ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$2"
}

# stop_process PIDFILE PART-OF-COMMAND SIGNAL NAME: asks it to end and waits at most 20 s for that.
stop_process() {
  local pid tries
  is_ours "$1" "$2" || { rm -f "$1"; return 0; }
  pid="$(cat "$1")"
  kill "-$3" "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 200; tries++)); do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "stopped: $4 (process $pid)"
      rm -f "$1"
      return 0
    fi
    sleep 0.1
  done
  fail "$4 (process $pid) did not end within 20 s; look at $state/logs"
}

stop_all() {
  local pid_file number
  [[ -d "$state" ]] || return 0
  stop_process "$state/nginx/nginx.pid" "/nginx/nginx.conf" QUIT NGINX
  for pid_file in "$state"/node-*/pid; do
    [[ -e "$pid_file" ]] || continue
    number="${pid_file%/pid}"
    number="${number##*/node-}"
    stop_process "$pid_file" "--data-dir $state/node-$number/data" TERM "node $number"
  done
}

launch_node() {
  local number="$1" folder="$state/node-$1" peers=() list="" i
  local rest=$((port + number)) grpc=$((port + 1000 + number))
  if ((node_count > 1)); then
    for ((i = 1; i <= node_count; i++)); do list+="${list:+,}$i=127.0.0.1:$((port + 1000 + i))"; done
    peers=(--peers "$list")
  fi
  (umask 077 && mkdir -p "$folder/data")
  : >"$folder/stdout"
  (umask 077 && exec setsid nohup "$momd" --node-id "$number" --data-dir "$folder/data" \
    --rest-listen "127.0.0.1:$rest" --grpc-listen "127.0.0.1:$grpc" "${peers[@]}" \
    >"$folder/stdout" 2>>"$(log_of "node-$number")" </dev/null) &
  echo $! >"$folder/pid"
  disown
}

# Sets node_address. The nodes of a new cluster are ready together, once each has heard from all.
await_node() {
  local number="$1" folder="$state/node-$1" tries
  for ((tries = 0; tries < 600; tries++)); do
    node_address="$(sed -n 's/^ready rest=\([^ ]*\).*/\1/p' "$folder/stdout")"
    if [[ -n "$node_address" ]]; then
      echo "started: node $number, $(grep '^ready ' "$folder/stdout") (process $(cat "$folder/pid"))"
      return 0
    fi
    kill -0 "$(cat "$folder/pid")" 2>/dev/null ||
      show_log_and_fail "$(log_of "node-$number")" "node $number ended instead of starting"
    sleep 0.1
  done
  show_log_and_fail "$(log_of "node-$number")" "node $number did not say that it is ready within 60 s"
}

start_nginx() {
  local command arguments=() address tries
  for address in "$@"; do arguments+=(--node "$address"); done
  command="$(infra/nginx/render.sh --dir "$state/nginx" --listen "127.0.0.1:$port" "${arguments[@]}")" ||
    fail "no NGINX configuration could be made"
  # shellcheck disable=SC2086  # render.sh refuses folders with spaces.
  $command </dev/null || fail "NGINX did not start; its log is $state/nginx/logs/error.log"
  for ((tries = 0; tries < 300; tries++)); do
    if curl -sf -o /dev/null --max-time 5 "$url/readyz"; then
      echo "started: NGINX at $url before $*"
      return 0
    fi
    sleep 0.1
  done
  fail "$url/readyz did not become 200 within 30 s: $(curl -s --max-time 5 "$url/readyz" | head -c 500)"
}

start_all() {
  local number taken addresses=()
  for ((number = 0; number <= node_count; number++)); do
    for taken in $((port + number)) $((port + 1000 + number)); do
      ((taken == port + 1000)) || ! port_is_taken "$taken" ||
        fail "port $taken is taken by another program; choose others with --port"
    done
  done
  for ((number = 1; number <= node_count; number++)); do launch_node "$number"; done
  for ((number = 1; number <= node_count; number++)); do
    await_node "$number"
    addresses+=("$node_address")
  done
  start_nginx "${addresses[@]}"
}
