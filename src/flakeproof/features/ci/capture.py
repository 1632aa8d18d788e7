"""What to configure so that the next red job tells all that a reproduction needs."""

LINES = (
    "# Before the step that runs pytest (or in it); a line of the log then tells what decides about many flaky tests:",
    "export PYTHONHASHSEED=$(( $(od -An -N4 -tu4 /dev/urandom) )) TZ=${TZ:-UTC}",
    'echo "flakeproof-ci PYTHONHASHSEED=$PYTHONHASHSEED TZ=$TZ cores=$(nproc) started=$(date -u +%FT%TZ) '
    'commit=$(git rev-parse HEAD)"',
    "# pytest itself: -v tells what each worker ran and in which order, -ra why each failed; the file names all:",
    'export PYTEST_ADDOPTS="-v -ra -o junit_family=xunit1 --junitxml=flakeproof-junit.xml"',
    "# Keep the log and flakeproof-junit.xml as artifacts, also of a job that fails; then:",
    "#   flakeproof ci FOLDER",
)
"""For a POSIX shell; no plugin has to be installed."""
