#!/usr/bin/env bash
# Writes an NGINX configuration for the given nodes into a folder, from which NGINX then runs without
# touching anything outside of it.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

usage() {
  cat <<'TEXT'
Usage: infra/nginx/render.sh --dir DIR --node HOST:PORT [--node HOST:PORT]... [options]

Writes DIR/nginx.conf, makes DIR/logs and DIR/temp, checks the file with nginx -t and prints the command that
starts NGINX. The process id, logs and temporary files stay inside DIR.

  --listen HOST:PORT   where clients connect (default 127.0.0.1:8080; only loopback unless --expose is given)
  --expose             allow an address beyond loopback. The listener is plain HTTP: put TLS before it
  --workers N|auto     worker processes (default auto)
  --rate N             requests a second of one address and of one session (default 50000; burst of a fifth)
  --password-rate N    logins and registrations a second of one address (default 20; burst of 40)
  --connections N      connections of one address and of one session (default 4096)
  --no-check           do not run nginx -t
TEXT
}
fail() { echo "render.sh: $*" >&2; exit 2; }

dir="" listen=127.0.0.1:8080 expose=no workers=auto rate=50000 password_rate=20 connections=4096 check=yes
nodes=()
while (($#)); do
  case "$1" in
    --dir | --node | --listen | --workers | --rate | --password-rate | --connections)
      [[ -n "${2:-}" ]] || fail "$1 needs a value" ;;&
    --dir) dir="$2"; shift 2 ;;
    --node) nodes+=("$2"); shift 2 ;;
    --listen) listen="$2"; shift 2 ;;
    --workers) workers="$2"; shift 2 ;;
    --rate) rate="$2"; shift 2 ;;
    --password-rate) password_rate="$2"; shift 2 ;;
    --connections) connections="$2"; shift 2 ;;
    --expose) expose=yes; shift ;;
    --no-check) check=no; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown argument: $1 (see --help)" ;;
  esac
done

[[ -n "$dir" ]] || fail "--dir is missing (see --help)"
((${#nodes[@]})) || fail "at least one --node HOST:PORT is needed"
address='^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$'
for node in "${nodes[@]}" "$listen"; do
  [[ "$node" =~ $address ]] || fail "not HOST:PORT: $node"
done
for number in "$rate" "$password_rate" "$connections"; do
  [[ "$number" =~ ^[1-9][0-9]{0,6}$ ]] || fail "not a number from 1 to 9999999: $number"
done
[[ "$workers" =~ ^(auto|[1-9][0-9]?)$ ]] || fail "--workers takes a number or auto, not $workers"
if [[ "$expose" == no && ! "$listen" =~ ^(127\.[0-9.]+|localhost|\[::1\]): ]]; then
  fail "$listen is beyond loopback and plain HTTP; say --expose if something before it speaks TLS"
fi

mkdir -p "$dir/logs" "$dir/temp"
dir="$(cd "$dir" && pwd)"
# The name stands unquoted in the configuration.
[[ "$dir" =~ ^[A-Za-z0-9/._+-]+$ ]] || fail "NGINX cannot run from a folder with such a name: $dir"

# Started as root, NGINX gives its workers to another user, who has to reach the folder.
user_line="# Not started as root: the workers are the user that starts NGINX."
if ((EUID == 0)); then
  user_line="user root;  # www-data cannot reach this folder."
  if id www-data >/dev/null 2>&1 && setpriv --reuid=www-data --regid=www-data --clear-groups test -x "$dir/temp"; then
    user_line="user www-data;"
  fi
fi

max_fails=1
((${#nodes[@]} > 1)) || max_fails=0  # The only node is always tried.
servers=""
for node in "${nodes[@]}"; do
  servers+="        server $node max_fails=$max_fails fail_timeout=1s;"$'\n'
done

# Nodes that are tried by name before the last try. NGINX allows ten redirects of a request; one of DELETE takes two
# for each node.
named=${#nodes[@]}
((named <= 3)) || named=3
next_nodes="" next_upstreams="" tried=""
for ((first = 0; first < named; first++)); do
  tried+=.
  next_nodes+="        \"$tried\" mom_nodes_from_$((first + 1));"$'\n'
  next_upstreams+="    upstream mom_nodes_from_$((first + 1)) {"$'\n'
  for ((i = 0; i < ${#nodes[@]}; i++)); do
    backup=" backup"
    ((i != first)) || backup=""
    next_upstreams+="        server ${nodes[i]} max_fails=$max_fails fail_timeout=1s$backup;"$'\n'
  done
  next_upstreams+="        keepalive 16;"$'\n'"    }"$'\n'
done

burst=$((rate / 5 + 1))
config="$(<"$here/mom.conf.template")"
config="${config//@USER@/$user_line}"
config="${config//@DIR@/$dir}"
config="${config//@WORKERS@/$workers}"
config="${config//@LISTEN@/$listen}"
config="${config//@UPSTREAM_SERVERS@/${servers%$'\n'}}"
config="${config//@NEXT_NODES@/${next_nodes%$'\n'}}"
config="${config//@NEXT_UPSTREAMS@/${next_upstreams%$'\n'}}"
config="${config//@TRIED_ALL@/$tried.}"
config="${config//@RATE@/$rate}"
config="${config//@BURST@/$burst}"
config="${config//@PASSWORD_RATE@/$password_rate}"
config="${config//@PASSWORD_BURST@/40}"
config="${config//@CONNECTIONS@/$connections}"
if [[ "$config" =~ @([A-Z_]+)@ ]]; then fail "mom.conf.template names ${BASH_REMATCH[0]}, which nothing fills"; fi
printf '%s\n' "$config" >"$dir/nginx.conf"

command=(nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/logs/error.log")
PATH="$PATH:/usr/sbin:/sbin"
if [[ "$check" == yes ]]; then
  "${command[@]}" -t -q || fail "nginx -t refuses $dir/nginx.conf"
fi
echo "${command[*]}"
