#!/usr/bin/env bash
# Stress-test the flaky network test (or any target): ./run_stress_test.sh [ci|0|fast|1|parallel|2|full|3|all|TEST] [OPTIONS]
# Needs Python 3.11 or later and nothing else; works from any folder. The exit status is the verdict.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
python=$("$here/scripts/environment.sh" run)
# Not a pipeline: the exit status of the run is the exit status of this script. The run itself keeps output.log.
exec "$python" -m flakeproof stress "$@"
