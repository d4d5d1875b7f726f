#!/usr/bin/env bash
# Installs the Debian 12 packages that MOM needs. Does nothing when all of them are there.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: infra/install-packages.sh [run|test|fuzz]

  run    what building and running the broker needs (default)
  test   the same and what infra/test needs on top of it, but for its part fuzz
  fuzz   all that infra/test needs: clang with its sanitizers too

Needs root (or sudo without a password) only when something is missing.
TEXT
}

run_packages=(
  build-essential cmake ninja-build pkg-config ccache git curl ca-certificates
  libboost1.81-dev libboost-json1.81-dev
  libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev
  libleveldb-dev libsnappy-dev libssl-dev
  libpistache-dev
  libjemalloc-dev libspdlog-dev libsodium-dev libxxhash-dev prometheus-cpp-dev libcli11-dev libtomlplusplus-dev libzstd-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  nginx python3 jq
)
test_packages=(clang-format clang-tidy spin openssl iproute2)
fuzz_packages=(clang libclang-rt-dev llvm)

case "${1:-run}" in
  run) packages=("${run_packages[@]}") ;;
  test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
  fuzz) packages=("${run_packages[@]}" "${test_packages[@]}" "${fuzz_packages[@]}") ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

fail() { echo "install-packages: $*" >&2; exit 1; }

is_installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" == installed ]]
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "this is not a Debian system; install by hand: ${packages[*]}"
fi

missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "packages: all ${#packages[@]} are installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! sudo -n true 2>/dev/null; then fail "not root; as root run: apt-get install ${missing[*]}"; fi
  as_root=(sudo -n)
fi

# The nginx package starts a server on port 80 of every address. Nobody asked for that: the broker's own
# NGINX listens on loopback with a configuration of its own. Deny service starts during this installation.
policy=/usr/sbin/policy-rc.d
made_policy=""
remove_policy() { [[ -z "$made_policy" ]] || "${as_root[@]}" rm -f "$policy"; }
trap remove_policy EXIT
if [[ " ${missing[*]} " == *" nginx "* && ! -e "$policy" ]]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

echo "packages: installing ${#missing[@]}: ${missing[*]}"
for attempt in 1 2 3; do
  if apt update && apt install --no-install-recommends "${missing[@]}"; then break; fi
  ((attempt < 3)) || fail "apt-get failed three times; its messages are above"
  echo "packages: attempt $attempt failed, trying again in 10 s" >&2
  sleep 10
done

# A machine with systemd would start the packaged server at its next boot.
if [[ -n "$made_policy" ]] && command -v systemctl >/dev/null && [[ -d /run/systemd/system ]]; then
  "${as_root[@]}" systemctl disable nginx.service >/dev/null 2>&1 || true
fi
for package in "${missing[@]}"; do
  is_installed "$package" || fail "$package is still missing after apt-get install"
done
echo "packages: all ${#packages[@]} are installed"
