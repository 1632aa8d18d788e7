#!/usr/bin/env bash
# Make or reuse .venv and print the path of its Python: environment.sh run|dev
# "run" holds what flakeproof needs, "dev" what its tests need, too.
set -euo pipefail
kind=${1:?"environment.sh run|dev"}
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
stamp=$venv/.flakeproof-$kind

fail() {
  printf '%s\n' "$@" >&2
  exit 3
}

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${FLAKEPROOF_BOOTSTRAP_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
    if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && suits "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "flakeproof needs Python 3.11 or later; found: $(python3 --version 2>&1 || echo 'no python3')." \
    "Install it (Debian, Ubuntu: apt install python3 python3-venv), or name one: FLAKEPROOF_BOOTSTRAP_PYTHON=/path/to/python3."
}

main() {
  if [ -x "$venv/bin/python" ] && suits "$venv/bin/python"; then
    # Up to date if nothing that decides about its content is newer; "dev" contains "run".
    for have in "$stamp" "$venv/.flakeproof-dev"; do
      if [ -f "$have" ] && [ "$root/pyproject.toml" -ot "$have" ] && [ "$root/constraints.txt" -ot "$have" ]; then
        printf '%s\n' "$venv/bin/python"
        return
      fi
    done
  fi
  local python
  log=$(mktemp) # global: the trap outlives this function
  trap 'rm -f "$log"' EXIT
  if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(find_python)
    echo "Making the environment $venv with $("$python" --version) (once) ..." >&2
    "$python" -m venv --clear "$venv" >"$log" 2>&1 || {
      cat "$log" >&2
      fail "The virtual environment could not be made. On Debian and Ubuntu its module is a package: apt install python3-venv."
    }
  fi
  local what=$root
  [ "$kind" = dev ] && what="$root[dev]"
  echo "Installing what flakeproof needs (${kind}) ..." >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --constraint "$root/constraints.txt" --editable "$what" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "The packages could not be installed: see pip's message above (network, proxy, disk?). Run the command again afterwards."
  }
  touch "$stamp"
  printf '%s\n' "$venv/bin/python"
}

# Two commands started at once must not build the same environment.
if command -v flock >/dev/null; then
  exec 9>"$root/.venv.lock"
  flock 9
fi
main
