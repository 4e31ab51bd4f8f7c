"""The files that a gate's telephone keeps, so that the page opens without a network."""

import hashlib
from functools import lru_cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.templatetags.static import static

ZXING = "gate/vendor/zxing-wasm-3.1.4"
FILES = (
    "gate/gate.css",
    "gate/gate.js",
    "gate/camera.js",
    "gate/decide.js",
    "gate/feedback.js",
    "gate/screen.js",
    "gate/server.js",
    "gate/signature.js",
    "gate/store.js",
    "gate/icon.svg",
    "gate/vendor/noble-ed25519-3.2.0/index.js",
    f"{ZXING}/reader/index.js",
    f"{ZXING}/share.js",
    f"{ZXING}/zxing_reader.wasm",
)


def urls() -> list[str]:
    return [static(name) for name in FILES]


@lru_cache(maxsize=1)
def version() -> str:
    """Another one when any of the files changed: then telephones fetch them anew."""
    found = hashlib.sha256()
    worker = Path(__file__).parent / "templates/gate/sw.js"
    for path in [worker, *(finders.find(name) for name in FILES)]:
        found.update(Path(str(path)).read_bytes())
    return found.hexdigest()[:16]
