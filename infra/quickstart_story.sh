# shellcheck shell=bash disable=SC2154  # Sourced by infra/quickstart, which sets the variables.
# The walk: alice sends a file's lines to bob through a private queue and a summary through a topic.

# Quotes one word for a shell, and leaves it alone when that is not needed.
quote() {
  if [[ "$1" =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]]; then echo -n "$1"; else echo -n "'${1//\'/\'\\\'\'}'"; fi
}

show_request() {
  local word
  echo
  printf '$ curl -i'
  for word in "$@"; do printf ' %s' "$(quote "$word")"; done
  echo
}

# Status line, what the broker says about itself, and the body, shortened; tokens are not shown.
show_answer() {
  tr -d '\r' <"$secrets/headers" |
    grep -iE '^(HTTP/|mom-|location:|retry-after:)' | sed 's/^/  /' || true
  if [[ -s "$secrets/answer" ]]; then
    head -c 2000 "$secrets/answer" | tr -d '\n' |
      sed -E 's/"(token|receipt)" ?: ?"(.{0,6})[^"]*"/"\1":"\2..."/g' | cut -c 1-400 | sed 's/^/  /'
  fi
}

# request WHO EXPECTED METHOD PATH [curl arguments]: WHO is alice, bob or nobody. The answer's body is in
# $secrets/answer. With quiet=yes nothing is printed. Any other status than the expected one ends the walk; with
# retry=yes what says "again" or says nothing is repeated before, as a client with an idempotency key may.
# A read goes to any node: it waits there until that node holds the newest write of this walk (Mom-Min-Offset).
quiet=no
retry=no
last_offset=""
request() {
  local who="$1" expected="$2" method="$3" path="$4" status line=() tries
  shift 4
  line=(-X "$method")
  [[ "$who" == nobody ]] || line+=(-H "@$secrets/$who.header")
  [[ "$method" != GET || -z "$last_offset" ]] || line+=(-H "Mom-Min-Offset: $last_offset")
  line+=("$@" "$url$path")
  [[ "$quiet" == yes ]] || show_request "${line[@]}"
  for ((tries = 0; ; tries++)); do
    : >"$secrets/answer"
    : >"$secrets/headers"
    status="$(curl -sS --max-time 60 -o "$secrets/answer" -D "$secrets/headers" -w '%{http_code}' "${line[@]}")" ||
      status="none: no answer"
    [[ "$retry" == yes && ! "$status" =~ ^[1-4] && $tries -lt 500 ]] || break
    sleep 0.02
  done
  last_offset="$(sed -n 's/^[Mm]om-[Oo]ffset: *\([0-9]*\).*/\1/p' "$secrets/headers" | tail -n 1 | grep . || echo "$last_offset")"
  if [[ "$status" == "$expected" ]]; then
    [[ "$quiet" == yes ]] || show_answer
    return 0
  fi
  [[ "$quiet" == no ]] || show_request "${line[@]}"
  show_answer
  for log in "$state"/logs/node-*.log; do
    echo "--- last lines of $log" >&2
    tail -n 5 "$log" >&2 || true
  done
  fail "$method $path answered $status where $expected was expected; the broker is left running, stop it with: $stop_line"
}

# expect WHAT WANTED JQ-EXPRESSION: a field of the last answer must be this.
expect() {
  local found
  found="$(jq -r "$3" "$secrets/answer" 2>/dev/null)" || found="no JSON"
  [[ "$found" == "$2" ]] || { show_answer; fail "$1: expected $2, found $found"; }
}

title() { printf '\n=== %s\n' "$*"; }
# progress WORD BEFORE DONE TOTAL: says so when a tenth of the total was passed since BEFORE.
progress() {
  if (($2 * 10 / $4 != $3 * 10 / $4)); then echo "  $1: $3 of $4"; fi
}

# Registers and connects a user; the password goes through files only, never through a command line.
enter() {
  local who="$1" name="$2"
  (umask 077 && NAME="$name" python3 - "$secrets/$who.json" <<'PY'
import json, os, secrets, sys
with open(sys.argv[1], "w") as file:
    json.dump({"name": os.environ["NAME"], "password": secrets.token_urlsafe(24)}, file)
PY
  )
  request nobody 201 POST /v1/users --json "@$secrets/$who.json"
  request nobody 201 POST /v1/sessions --json "@$secrets/$who.json"
  expect "the session's user" "$name" .user
  (umask 077 && jq -r '"Authorization: Bearer " + .token' "$secrets/answer" >"$secrets/$who.header")
  echo "  (the token is in $secrets/$who.header, which the curl lines use)"
}

milliseconds() { date +%s%3N; }

# Each batch has its idempotency key, so that one whose answer is lost can be sent again and is still there once. In the
# middle the leader is killed; longest_gap_ms is the longest time between two acknowledged batches from then on.
publish_all() {  # publish_all QUEUE BATCHES
  local number file before now victim="" kill_at=$(($2 / 2 + 1))
  longest_gap_ms=0
  retry=yes
  for ((number = 1; number <= $2; number++)); do
    if ((number == kill_at && node_count > 1)); then
      victim="$(find_leader)"
      kill_node "$victim"
    fi
    before="$(milliseconds)"
    file="$(printf '%s/batches/%06d.json' "$work" "$number")"
    quiet=yes
    if ((number == 1 || number == kill_at)); then quiet=no; fi
    request alice 201 POST "/v1/queues/$1/batch" -H "Idempotency-Key: $1-$number" --json "@$file"
    quiet=no
    now="$(milliseconds)"
    if [[ -n "$victim" ]] && ((now - before > longest_gap_ms)); then longest_gap_ms=$((now - before)); fi
    expect "ids of the batch" "$(jq '.messages | length' "$file")" '.ids | length'
    progress "batches sent" "$((number - 1))" "$number" "$2"
  done
  retry=no
  [[ -n "$victim" ]] || return 0
  printf '\nkilled node %s, which led; the longest wait for an acknowledged batch from then on was %s ms.\n' \
    "$victim" "$longest_gap_ms"
  launch_node "$victim"
  await_node "$victim"
}

# The number of the node that leads.
find_leader() {
  local tries leader
  for ((tries = 0; tries < 100; tries++)); do
    leader="$(curl -s --max-time 5 -H "@$secrets/alice.header" "$url/v1/cluster" | jq -r '.leader // empty')"
    if [[ "$leader" =~ ^[1-9]$ ]]; then echo "$leader"; return 0; fi
    sleep 0.1
  done
  fail "no node leads"
}

kill_node() {
  local pid
  pid="$(cat "$state/node-$1/pid")"
  is_ours "$state/node-$1/pid" "--data-dir $state/node-$1/data" || fail "node $1 (process $pid) is gone"
  printf '\n$ kill -9 %s   # node %s, the leader\n' "$pid" "$1"
  kill -KILL "$pid"
}

# All nodes hold the same: the digest of everything they have applied is equal.
compare_nodes() {
  local number tries digests
  ((node_count > 1)) || return 0
  for ((tries = 0; tries < 100; tries++)); do
    digests=""
    for ((number = 1; number <= node_count; number++)); do
      digests+="$(curl -s --max-time 5 -H "@$secrets/alice.header" "http://127.0.0.1:$((port + number))/v1/cluster" |
        jq -r --arg id "$number" '.nodes[] | select(.id == ($id | tonumber)) | "\(.applied_end) \(.digest)"')"$'\n'
    done
    if (($(sort -u <<<"${digests%$'\n'}" | wc -l) == 1)); then
      echo "all $node_count nodes have applied the same: offset and digest ${digests%%$'\n'*}"
      return 0
    fi
    sleep 0.1
  done
  printf '%s' "$digests"
  fail "the nodes do not become equal"
}

receive_all() {  # receive_all QUEUE LINES
  local received=0 taken empty=0 first=yes
  while ((received < $2)); do
    quiet=yes
    if [[ "$first" == yes ]] || (($2 - received <= 100)); then quiet=no; fi
    request bob 200 POST "/v1/queues/$1/receive" --json '{"max":100,"lease_ms":60000,"wait_ms":1000}'
    taken="$(python3 infra/quickstart_lines.py take "$secrets/answer" "$work" --sender "$alice")" ||
      fail "what bob received is not what alice sent"
    if ((taken == 0)); then
      quiet=no
      ((++empty < 5)) || fail "the queue is empty after $received of $2 messages"
      continue
    fi
    empty=0
    request bob 200 POST "/v1/queues/$1/ack" --json "@$work/ack.json"
    quiet=no
    expect "acknowledged messages" "$taken" .acked
    expect "acknowledgements that failed" 0 '.failed | length'
    first=no
    progress "messages received and acknowledged" "$received" "$((received + taken))" "$2"
    received=$((received + taken))
  done
}

walk() {
  local suffix topic queue inbox lines batches sum_sent sum_received
  suffix="$(date +%m%d-%H%M%S)"
  alice="alice-$suffix" bob="bob-$suffix" topic="news-$suffix" queue="lines-$suffix"
  secrets="$state/secrets" work="$state/walk"
  rm -rf "$work" "$secrets"
  (umask 077 && mkdir -p "$secrets" "$work/batches")

  title "the data: $data_file"
  cp -- "$data_file" "$work/sent"  # The original may grow while we read.
  python3 infra/quickstart_lines.py split "$work/sent" "$work/batches" >"$work/split.json" ||
    fail "$data_file cannot be sent"
  lines="$(jq .lines "$work/split.json")" batches="$(jq .batches "$work/split.json")"
  sum_sent="$(sha256sum <"$work/sent" | cut -d' ' -f1)"
  echo "$lines lines in $batches batches, SHA-256 $sum_sent"

  title "two users register and connect"
  enter alice "$alice"
  enter bob "$bob"
  request bob 200 GET /v1/sessions/current

  title "alice makes a topic, and a queue on which only she sends and only bob receives; bob subscribes"
  request alice 201 POST /v1/topics --json "{\"name\":\"$topic\"}"
  request alice 201 POST /v1/queues --json "{\"name\":\"$queue\",\"receiver\":\"$bob\"}"
  request bob 201 POST "/v1/topics/$topic/subscriptions" --json '{}'
  inbox="$(jq -r .queue "$secrets/answer")"
  [[ "$inbox" =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || fail "the subscription names no queue"

  title "alice sends every line to the queue$( ((node_count == 1)) || echo ", while the leader is killed"), and a summary to the topic"
  publish_all "$queue" "$batches"
  request alice 201 POST "/v1/topics/$topic/messages" -H 'Content-Type: text/plain' \
    --data-binary "$lines lines are waiting, SHA-256 $sum_sent"
  expect "queues that got the summary" 1 .delivered

  title "nobody but the creator deletes, and nobody deletes what holds messages"
  request alice 200 GET "/v1/queues/$queue"
  expect "messages ready" "$lines" .ready
  request bob 403 DELETE "/v1/queues/$queue"
  expect "reason" not-owner .code
  request alice 409 DELETE "/v1/queues/$queue"
  expect "reason" queue-not-empty .code

  title "bob receives the summary and every line, and acknowledges them"
  request bob 200 POST "/v1/queues/$inbox/receive" --json '{"max":1,"lease_ms":60000,"wait_ms":5000}'
  expect "summary" "$lines lines are waiting, SHA-256 $sum_sent" '.messages[0].body'
  expect "true sender of the summary" "$alice" '.messages[0].sender'
  jq '{receipts: [.messages[].receipt]}' "$secrets/answer" >"$work/ack.json"
  request bob 200 POST "/v1/queues/$inbox/ack" --json "@$work/ack.json"
  expect "acknowledged messages" 1 .acked
  receive_all "$queue" "$lines"
  python3 infra/quickstart_lines.py finish "$work/sent" "$work/received"
  sum_received="$(sha256sum <"$work/received" | cut -d' ' -f1)"
  printf '\nSHA-256 sent      %s\nSHA-256 received  %s\n' "$sum_sent" "$sum_received"
  [[ "$sum_sent" == "$sum_received" ]] || fail "the lines received are not the lines sent: compare $work/sent and $work/received"

  title "the drained queue can be deleted; all nodes are equal; both disconnect"
  request alice 204 DELETE "/v1/queues/$queue"
  compare_nodes
  request alice 204 DELETE /v1/sessions/current
  request bob 204 DELETE /v1/sessions/current
  request bob 401 GET /v1/sessions/current
  echo
  echo "All $lines lines arrived once, in order, unchanged."
}
