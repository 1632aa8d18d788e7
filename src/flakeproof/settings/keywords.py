"""The keyword arguments of `flakeproof.run`; made of the table by scripts/settings_documents.py."""

import os
from collections.abc import Sequence
from typing import TypedDict


class RunKeywords(TypedDict, total=False):
    """Each is written as on the command line; None is as good as nothing."""

    preset: str | None
    count: int | None
    duration: float | str | None
    failfast: bool | None
    max_failures: int | None
    until_confident: bool | None
    rate: float | str | None
    error: float | str | None
    process_rate: float | str | None
    workers: int | None
    processes: int | None
    isolation: str | None
    timeout: float | str | None
    grace: float | str | None
    seed: int | None
    shard: str | tuple[int, int] | None
    on: str | None
    python: str | os.PathLike[str] | None
    loop: str | None
    sanitize: str | Sequence[str] | None
    watch: str | None
    fail_on_leak: bool | None
    leak_settle: float | str | None
    allow_leak: str | Sequence[str] | None
    delay: str | Sequence[str] | None
    race: bool | None
    noise: str | None
    cpus: int | None
    cpu_quota: float | str | None
    nice: int | None
    freeze: str | None
    clock: str | None
    gc: int | str | None
    directory_order: str | None
    max_fds: int | None
    ports: int | None
    temp_space: int | str | None
    reverse: bool | None
    hash_seed: int | str | None
    random_seed: int | str | None
    timezone: str | None
    locale: str | None
    network: str | None
    best_effort: bool | None
    pytest_args: str | None
    shuffle: bool | None
    private_home: bool | None
    private_network: bool | None
    session_fixtures: str | None
    drop_failed: bool | None
    skip_code: int | None
    results: str | None
    failure: str | None
    ignore: str | None
    cwd: str | os.PathLike[str] | None
    tolerate_load_failures: bool | None
    ci_rate: float | str | None
    junit_xml: str | os.PathLike[str] | None
    json: str | os.PathLike[str] | None
    markdown: str | os.PathLike[str] | None
    html: str | os.PathLike[str] | None
    store: str | os.PathLike[str] | None
    history: bool | str | os.PathLike[str] | None
    color_output: bool | None
