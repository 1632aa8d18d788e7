#!/usr/bin/env bash
# Run flakeproof's own tests: ./run_tests.sh [PYTEST OPTIONS]
# Needs Python 3.11 or later and nothing else; works from any folder. Two tests at a time; `-n 0`: one, and --pdb works.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/scripts/environment.sh" dev)
cd -- "$here"
exec "$python" -m pytest -n 2 --dist worksteal "$@"
