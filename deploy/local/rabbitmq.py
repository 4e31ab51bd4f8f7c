"""A private RabbitMQ, with its management API and its own name server (epmd)."""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deploy.local.engine import USER, Server, ServerError, find_program, until
from deploy.local.ports import LOOPBACK, answers, free_port

DEAD_LETTERS = "ticketflow.dlx"
# Outside producers declare new_ticket without arguments, so a policy carries what it needs.
NEW_TICKET_POLICY = {
    "pattern": "^new_ticket$",
    "definition": {"dead-letter-exchange": DEAD_LETTERS},
    "apply-to": "queues",
}
# The client's greeting for AMQP 0-9-1, and how a server that is ready begins its answer.
HELLO, ANSWER = b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00"


# Where the programs' own queues are; sellers only see the vhost `/`.
OWN_VHOST = "ticketflow"


class RabbitServer(Server):
    """A free port, user `ticketflow` (administrator), vhost `/` with the policy for new_ticket, vhost `ticketflow`."""

    name = "rabbitmq"
    account = "rabbitmq"

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder, port=port, durable=durable)
        self.management_port = free_port()
        self._distribution_port = free_port()
        self._epmd_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self.node = f"ticketflow-{self.port}@localhost"

    def url(self, name: str = "") -> str:
        return f"amqp://{USER}:{self.password}@{LOOPBACK}:{self.port}/{quote(name or '/', safe='/')}"

    def management_url(self) -> str:
        """The address of the management pages and API, without credentials."""
        return f"http://{LOOPBACK}:{self.management_port}"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "management": self.management_url()}

    def answers(self) -> bool:
        return answers(self.port, say=HELLO, expect=ANSWER)

    # What tests ask of it

    def purge(self, queue: str) -> int:
        """Deletes what no consumer holds; how many messages, by a count that may be five seconds old."""
        ready = self._count(queue, "messages_ready")
        self.api("DELETE", f"queues/%2F/{quote(queue, safe='')}/contents")
        return ready

    def delete_queue(self, queue: str) -> None:
        """Deletes a queue with all that is in it; one that is not there is no error."""
        self.api("DELETE", f"queues/%2F/{quote(queue, safe='')}", missing_ok=True)

    def depth(self, queue: str) -> int:
        """Messages in a queue, ready and unacknowledged, counted now; 0 when there is no queue."""
        return self._count(queue, "messages")

    def set_policy(self, name: str, policy: dict[str, Any]) -> None:
        """Sets a policy on vhost `/`; it must survive a restart, so it is set at every start."""
        self.api("PUT", f"policies/%2F/{quote(name, safe='')}", {"priority": 0, **policy})

    def drop_connections(self) -> None:
        """Closes every client's connection, as a broken network would."""
        self.rabbitmqctl("close_all_connections", "closed by a test")

    def api(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        """The answer of the management API (`/api/<path>`)."""
        request = urllib.request.Request(
            f"{self.management_url()}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": self._authorization()},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if missing_ok and error.code == 404:
                return {}
            words = error.read().decode(errors="replace")[:300]
            raise ServerError(f"RabbitMQ refused {method} {path}: {error.code} {words}") from None
        return json.loads(text) if text else {}

    def rabbitmqctl(self, *arguments: str) -> str:
        """What rabbitmqctl prints (half a second or more; `api` is quicker)."""
        return self._run([self._program("rabbitmqctl"), "-n", self.node, *arguments])

    # How it runs

    def kill(self) -> None:
        super().kill()
        if self._epmd:  # swept with the folder; this reaps it
            self._epmd.wait(10)
            self._epmd = None

    def _create(self) -> None:
        self.data.mkdir(mode=0o700)
        self._own(self.data)

    def _command(self) -> list[str]:
        self._write("rabbitmq.conf", self._configuration())
        self._write("rabbitmq-env.conf", "")  # or the machine's own would be read
        self._write("enabled_plugins", "[rabbitmq_management].\n")
        self._write(".erlang.cookie", secrets.token_hex(20), mode=0o400)
        epmd = find_program("epmd", "/usr/bin", advice="Install Erlang (on Debian: erlang-base).")
        self._epmd = self._spawn([epmd, "-port", str(self._epmd_port), "-address", LOOPBACK])
        if not until(lambda: answers(self._epmd_port), timeout=10):
            raise ServerError(f"epmd did not start. {self._last_words()}")
        return [self._program("rabbitmq-server")]

    def _after_start(self) -> None:
        self.set_policy("new_ticket", NEW_TICKET_POLICY)
        self.api("PUT", f"vhosts/{OWN_VHOST}")

    def _configuration(self) -> str:
        lines = {
            "listeners.tcp.1": f"{LOOPBACK}:{self.port}",
            "management.tcp.ip": LOOPBACK,
            "management.tcp.port": str(self.management_port),
            "default_user": USER,
            "default_pass": self.password,
            "default_user_tags.administrator": "true",
            "disk_free_limit.absolute": "50MB",
            "log.file": "false",
            "log.console": "true",
            "log.console.level": "info",
        }
        return "".join(f"{name} = {value}\n" for name, value in lines.items())

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(self.data / "feature_flags"),
            "RABBITMQ_PLUGINS_EXPAND_DIR": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            # Its start script then becomes the Erlang machine instead of waiting for it, so
            # that the process we hold on to is the server.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _count(self, queue: str, column: str) -> int:
        """Asked of the node itself: the management API's numbers are up to five seconds old."""
        listing = self.rabbitmqctl("-q", "list_queues", "name", column, "--formatter", "json")
        return sum(row[column] for row in json.loads(listing) if row["name"] == queue)

    def _authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{USER}:{self.password}".encode()).decode()

    def _write(self, name: str, text: str, *, mode: int = 0o600) -> None:
        file = self.folder / name
        file.unlink(missing_ok=True)
        file.touch(0o600)
        file.write_text(text)
        file.chmod(mode)
        self._own(file)

    def _program(self, name: str) -> str:
        # Debian's /usr/sbin wrappers insist on their own user and folder; these do not.
        places = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/*/sbin")
        advice = "Install RabbitMQ (on Debian: the package rabbitmq-server)."
        return find_program(name, *places, advice=advice)
