#!/usr/bin/env bash
# ONNX Runtime's C++ headers, for the example of docs/models.md: Debian has them from release 13 on, and earlier ones
# take that release's; the library is that of the Python package.
set -euo pipefail
[[ -e /usr/include/onnxruntime/onnxruntime_cxx_api.h ]] && exit
if apt-cache show libonnxruntime-dev >/dev/null 2>&1; then
  apt-get install -y -qq --no-install-recommends libonnxruntime-dev >/dev/null
  exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1)
mkdir -p "$folder"/{lists,cache/archives}/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$folder/sources.list"
elsewhere=(-o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
apt-get "${elsewhere[@]}" update -qq
cd "$folder"
apt-get "${elsewhere[@]}" download -qq libonnxruntime-dev
dpkg-deb --extract ./*.deb content
cp -r content/usr/include/onnxruntime /usr/include/
