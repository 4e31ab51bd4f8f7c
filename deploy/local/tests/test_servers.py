"""Private PostgreSQL, MariaDB and RabbitMQ, beside whatever else the machine runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import leash
from deploy.local.servers import ServerError, Servers

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


def test_what_was_committed_survives_a_kill(servers):
    for server in (servers.postgres, servers.mariadb):
        server.database("kept")
        server.sql("CREATE TABLE note (word VARCHAR(20))", database="kept")
        server.sql("INSERT INTO note VALUES ('first')", database="kept")

        server.kill()
        assert not server.running
        assert not server.answers()
        assert leash.leashed(server.folder) == []
        server.start()

        assert server.sql("SELECT word FROM note", database="kept").split() == ["first"]


def test_a_wiped_database_server_comes_back_empty_under_the_same_address(servers):
    for server in (servers.postgres, servers.mariadb):
        address = server.database("lost")

        server.wipe()
        assert not server.data.exists()
        server.start()

        with pytest.raises(ServerError):
            server.sql("SELECT 1", database="lost")
        assert server.database("lost") == address


def test_the_database_servers_are_strict_and_safe_against_power_cuts(servers):
    assert servers.postgres.sql("SHOW fsync").strip() == "on"
    assert servers.postgres.sql("SHOW max_connections").strip() == "300"
    settings = "SELECT @@sync_binlog, @@innodb_flush_log_at_trx_commit, @@character_set_server"
    assert servers.mariadb.sql(settings).split() == ["1", "1", "utf8mb4"]
    assert "STRICT_ALL_TABLES" in servers.mariadb.sql("SELECT @@sql_mode")


def test_a_frozen_server_answers_nothing_until_it_is_resumed(servers):
    servers.mariadb.pause()
    try:
        assert not servers.mariadb.answers()
    finally:
        servers.mariadb.resume()
    servers.mariadb.wait_ready(timeout=20)


def test_a_wiped_broker_has_no_queue_but_has_the_policy_for_new_ticket(servers):
    broker = servers.rabbitmq
    broker.api("PUT", "queues/%2F/new_ticket", {"durable": True})
    broker.api(
        "POST",
        "exchanges/%2F/amq.default/publish",
        {"properties": {"delivery_mode": 2}, "routing_key": "new_ticket", "payload": "x", "payload_encoding": "string"},
    )
    assert broker.depth("new_ticket") == 1
    assert broker.purge("new_ticket") == 1
    assert broker.depth("new_ticket") == 0

    broker.wipe()
    broker.start()

    assert broker.api("GET", "queues") == []
    (policy,) = broker.api("GET", "policies")
    assert policy["pattern"] == "^new_ticket$"
    assert policy["definition"] == {"dead-letter-exchange": "ticketflow.dlx"}


def test_no_server_outlives_a_program_that_was_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from deploy.local.servers import *\n"
        "s = PostgresServer(Path(sys.argv[1]), durable=False).start(); print(s.folder, flush=True); time.sleep(600)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        folder = Path(parent.stdout.readline().strip())
        running = leash.leashed(folder)
        assert running

        parent.send_signal(signal.SIGKILL)

    assert leash.wait_gone(running, 10)
    Servers.discard(tmp_path)
