"""`make lint`: ruff, mypy for each program with its own settings, and the walls between them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.environments import ROOT, Backends, Environments, Ports

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Check:
    """One tool on one thing."""

    title: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


def main() -> int:
    """Exit code 0 when every tool is content; all of them run, so that one pass shows everything."""
    unhappy = []
    for check in _checks():
        started = time.monotonic()
        print(f"== {check.title}", flush=True)
        command = [str(BIN / check.argv[0]), *check.argv[1:]]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **check.env}, stdin=subprocess.DEVNULL, check=False)
        print(f"   {time.monotonic() - started:.1f} s", flush=True)
        if done.returncode:
            unhappy.append(check.title)
    print(f"lint: not content: {', '.join(unhappy)}" if unhappy else "lint: all content", flush=True)
    return 1 if unhappy else 0


def _checks() -> list[Check]:
    return [
        Check("ruff check", ["ruff", "check", "--quiet"]),
        Check("ruff format", ["ruff", "format", "--check", "--quiet"]),
        *(_types(folder, program) for folder, program in TYPED.items()),
        Check("import-linter", ["lint-imports", "--no-cache"]),
    ]


# A folder, and the site with whose settings Django's plugin for mypy reads it.
TYPED = {
    "reservations_site": "reservations",
    "billing_site": "billing",
    "portal_site": "portal",
    "middleware_worker": "reservations",
    "deploy": "reservations",
}


def _types(folder: str, site: str) -> Check:
    """The plugin imports the settings, and those insist on secrets: it gets passing ones."""
    with tempfile.TemporaryDirectory() as place:
        backends = Backends("sqlite://", "sqlite://", "sqlite://", "memory://")
        own = Environments(folder=Path(place), ports=Ports(), backends=backends).of(site)
    env = {**own, "DJANGO_SETTINGS_MODULE": f"{site}_site.settings"}
    return Check(f"mypy {folder}", ["mypy", "--cache-dir", f".mypy_cache/{folder}", folder], env)


if __name__ == "__main__":
    raise SystemExit(main())
