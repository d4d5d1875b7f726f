#!/usr/bin/env bash
# Writes infra/docker/nginx for compose.yaml. The paths in it are those inside of the container.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ "${1:-}" =~ ^(-h|--help)$ ]]; then
  echo "Usage: infra/docker/render-nginx.sh"
  echo "Writes infra/docker/nginx, the configuration that compose.yaml gives to NGINX."
  exit 0
fi
rm -rf nginx
../nginx/render.sh --dir nginx --listen 0.0.0.0:8080 --expose --no-check \
  --node node1:8080 --node node2:8080 --node node3:8080 >/dev/null
sed -i "s#$PWD/nginx#/etc/mom-nginx#g; s#^user .*#user nginx;#" nginx/nginx.conf
echo "wrote $PWD/nginx; next: docker compose -f infra/docker/compose.yaml up --build"
