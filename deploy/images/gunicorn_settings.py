"""How gunicorn serves each of the programs; its numbers come from the environment."""

import os
import tempfile
from typing import Any

# Where the workers leave their numbers, so that any of them answers /metrics for all. prometheus_client looks at it
# when it is imported, so not before this line.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")

bind = f"0.0.0.0:{os.environ['PORT']}"
workers = int(os.environ.get("WEB_WORKERS", "2"))
# Threads, because a request may wait: for a fail-over of the database, the payment gateway, another site.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "4"))
# The application is loaded once and shared by the workers; it opens no connection while it is loaded.
preload_app = True
# A worker that makes no progress is replaced. Longer than any time limit of a request.
timeout = 60
# A stop lets the requests that are under way finish; docker-compose.yml waits a little longer.
graceful_timeout = 25
# nginx keeps connections for the calls that sell only, which are safe to repeat: else one could close just as a POST is
# sent on it. It lets go of them first, after its 60 s.
keepalive = 75
backlog = 256
# The heartbeat files of the workers: in memory, since the disk may be slow and is read-only here.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (each worker makes its file with a random name)
control_socket_disable = True
# nginx writes the access log, with the same request id.
accesslog = None
errorlog = "-"


def child_exit(_server: Any, worker: Any) -> None:
    """The gauges of a worker that has ended are no longer counted."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
