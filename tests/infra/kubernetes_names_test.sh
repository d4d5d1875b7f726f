#!/usr/bin/env bash
# Goal: the certificates that the Kubernetes recipe asks for work with the names that it uses, and a wildcard, which
# cannot work, is refused before the node starts, with what to do.
# Method: the recipe's own command line, three times, in a mount and network namespace in which its host names lead to
# three addresses of loopback; then a write through a node that follows or leads.
set -euo pipefail

momd="$1"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
if [[ "${2:-}" != inside ]]; then
  exec unshare --mount --net bash "${BASH_SOURCE[0]}" "$momd" inside
fi

dir="$(mktemp -d)"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$dir"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; tail -n 5 "$dir"/log-* >&2 || true; exit 1; }

ip link set lo up
for n in 0 1 2; do echo "127.0.0.$((n + 1)) mom-$n.mom-nodes"; done >"$dir/hosts"
mount --bind "$dir/hosts" /etc/hosts
names=()
for id in 1 2 3; do names+=("$id=mom-$((id - 1)).mom-nodes"); done
"$root/infra/make-certificates" "$dir/tls" "${names[@]}"

# The recipe's command for mom-N, with the test's folders, and the address that its pod would have.
mkdir "$dir/bin"
ln -s "$momd" "$dir/bin/momd"
command_of() {
  python3 - "$root/infra/k8s/mom.yaml" "$1" "$dir" <<'PYTHON'
import re, sys
path, n, folder = sys.argv[1:]
command = re.search(r'command: \["sh", "-c", "(.*?)"\]', open(path).read(), re.S).group(1)
command = re.sub(r"\s*\n\s*", " ", command)
command = command.replace("/var/lib/mom/data", f"{folder}/data-{n}").replace("/etc/mom-tls", f"{folder}/tls")
print(command.replace("0.0.0.0", f"127.0.0.{int(n) + 1}"))
PYTHON
}
start() {  # Takes the place of the shell that runs it.
  HOSTNAME="mom-$1" MOM_ADMIN_PASSWORD=correct-horse PATH="$dir/bin:$PATH" \
    exec sh -c "$(command_of "$1")" >"$dir/out-$1" 2>"$dir/log-$1"
}

for n in 0 1 2; do
  start "$n" &
  pids+=($!)
done
for n in 0 1 2; do
  for _ in $(seq 600); do
    grep -qs ^ready "$dir/out-$n" && break
    kill -0 "${pids[$n]}" 2>/dev/null || fail "mom-$n ended"
    sleep 0.1
  done
  grep -qs ^ready "$dir/out-$n" || fail "mom-$n is not ready after 60 s"
done
for n in 0 1 2; do
  status="$(curl -s -o "$dir/answer" -w '%{http_code}' -H 'Content-Type: application/json' \
    -d "{\"name\":\"user-$n\",\"password\":\"long enough\"}" "http://mom-$n.mom-nodes:8080/v1/users")"
  [[ "$status" == 201 ]] || fail "a write through mom-$n: $status $(cat "$dir/answer")"
done
curl -s http://mom-0.mom-nodes:8080/metrics | grep -q '^mom_certificate_days_left 36[45]$' || fail "no days left in the metrics"

# The wildcard of one label: no node starts with it, and nothing is made on disk.
"$root/infra/make-certificates" "$dir/tls" "1=*.mom-nodes" >/dev/null
mv "$dir/data-0" "$dir/data-kept"
code=0
(start 0) || code=$?
[[ "$code" == 2 ]] || fail "exit code $code with a wildcard certificate"
grep -q "does not name the host 'mom-0.mom-nodes'" "$dir/log-0" || fail "the wildcard's refusal does not say why"
echo "passed"
