#!/usr/bin/env bash
# install.sh FOLDER EXTRAS: the package, with its extension built here, in an environment of its own in that folder,
# which may then be copied to where there is no compiler.
set -euo pipefail
if (($# != 2)); then
  echo "install.sh wants a folder and extras, such as: install.sh /opt/nst cpu,openvino,opencv-headless,serve" >&2
  exit 2
fi
folder=$(realpath -m "$1") extras=$2
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --no-cache-dir --constraint constraints.txt ".[$extras]"
rm -rf build/lib* build/temp* build/bdist* ./*.egg-info # pip builds in the sources' folder
"$folder/bin/python" -m compileall -q "$folder/lib" || true # files for other Pythons, in other packages, do not compile
cd / # away from the sources
"$folder/bin/python" -c 'from nst_engine.kernels import active; raise SystemExit(active().implementation != "native")'
