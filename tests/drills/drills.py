"""The drills, in the order of what they are worth. Each is a sentence: given a healthy cluster that sells, when …

`aim` is what the design wants on an idle machine with two cores; `within` is what fails the drill.
"""

from collections.abc import Callable

from tests.drills import checker, docker
from tests.drills.cluster import AT_REST_WITHIN, until
from tests.drills.scene import Drill, Scene

DRILLS: dict[str, Drill] = {}
SHORT = ("primary-killed", "broker-data-deleted", "worker-killed", "web-replica-killed")
RABBITMQ = ("rabbitmq-1", "rabbitmq-2", "rabbitmq-3")
PATRONI = ("patroni-1", "patroni-2", "patroni-3")
A_MINUTE = 60.0


def drill(
    *,
    aim: float = 2,
    within: float = 60,
    no_failure: bool = False,
    outside_is_promised: bool = True,
    keys_are_promised: bool = True,
    seats: int = 1200,
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Registers a drill under its function's name. `no_failure`: the aim includes that no request fails."""

    def register(do: Callable[[Scene], None]) -> Callable[[Scene], None]:
        name = do.__name__.replace("_", "-")
        DRILLS[name] = Drill(name, do, within, aim, no_failure, outside_is_promised, keys_are_promised, seats)
        return do

    return register


# --- Web replicas ---------------------------------------------------------------------------------


@drill(aim=2, within=10, no_failure=True)
def web_replica_killed(scene: Scene) -> None:
    """When a web replica of each site is killed with -9, one after the other, then nobody notices.

    A buyer: nothing, nginx asks the other replica. Staff: nothing; the replica starts again by itself.
    """
    for site in ("reservations", "billing", "portal", "middleware"):
        scene.breaks(f"{site}-1 is killed", lambda site=site: scene.cluster.crash_one(f"{site}-1"))
        scene.goes_on(8)


@drill(aim=2, within=15)
def web_replica_frozen(scene: Scene) -> None:
    """When a web replica of reservations freezes for 15 s, then the other one serves.

    A buyer whose request was with it waits until nginx asks the other replica. Staff: nothing.
    """
    scene.breaks("reservations-1 freezes", lambda: scene.cluster.freeze("reservations-1"))
    scene.goes_on(15)
    scene.heals("it thaws", lambda: scene.cluster.thaw("reservations-1"))


# --- PostgreSQL -----------------------------------------------------------------------------------


@drill(aim=5)
def primary_killed(scene: Scene) -> None:
    """When the process of PostgreSQL's primary is killed with -9, then reservations are back within 5 s.

    A buyer's reservation waits inside the site, up to five seconds, and is then granted. Staff: one admin page may
    have to be asked for again.
    """
    node = scene.cluster.primary()
    scene.breaks(f"postgres on {node} is killed", lambda: scene.cluster.crash_postgres(node))
    scene.sells()
    scene.goes_on(15)


@drill(aim=25)
def primary_node_killed(scene: Scene) -> None:
    """When the node of PostgreSQL's primary is lost, then reservations are back within 25 s.

    A buyer is told to come again for some twenty seconds; seat maps are away as long, the portal's list of events
    is shown as it last knew it. Staff: the admin of events is away as long; billing works on.
    """
    node = scene.cluster.primary()
    scene.breaks(f"{node} is lost", lambda: scene.cluster.lose(node))
    scene.sells()
    scene.goes_on(10)
    scene.heals(f"{node} starts again", lambda: scene.cluster.start(node))


@drill(aim=25)
def primary_frozen(scene: Scene) -> None:
    """When PostgreSQL's primary freezes and thaws a minute later, then reservations are back within 25 s.

    A buyer is told to come again for some twenty seconds. Thawed, the old primary finds that it is none, and is
    made a standby. Staff: as when the node is lost.
    """
    node = scene.cluster.primary()
    scene.breaks(f"{node} freezes", lambda: scene.cluster.freeze(node))
    scene.sells()
    scene.goes_on(20)
    scene.heals(f"{node} thaws, and believes to be the primary", lambda: scene.cluster.thaw(node))


@drill(aim=25)
def primary_cut_off(scene: Scene) -> None:
    """When PostgreSQL's primary is cut off from all networks, then reservations are back within 25 s.

    A buyer is told to come again for some twenty seconds. What the old primary could not replicate was never
    acknowledged. Staff: as when the node is lost.
    """
    node = scene.cluster.primary()
    scene.breaks(f"{node} is cut off", lambda: scene.cluster.cut(node))
    scene.sells()
    scene.goes_on(15)
    scene.heals(f"{node} is joined again", lambda: scene.cluster.join(node))


@drill(aim=5)
def planned_switchover(scene: Scene) -> None:
    """When the primary's role is moved on purpose, then reservations go on within 5 s.

    A buyer's reservation waits for some seconds inside the site. Staff: nothing. Counted from the moment at which
    Patroni is told: until then everything sells.
    """
    node, to = scene.cluster.primary(), scene.cluster.standby()
    scene.breaks(f"{node} hands over to {to}", lambda: scene.cluster.switch_over(node, to))
    scene.sells()
    scene.goes_on(8)


@drill(aim=2)
def standby_killed(scene: Scene) -> None:
    """When a synchronous standby is lost, then reservations go on within 2 s.

    Nobody sees anything: one of two standbys is enough.
    """
    node = scene.cluster.standby()
    scene.breaks(f"{node} is lost", lambda: scene.cluster.lose(node))
    scene.goes_on(20)
    scene.heals(f"{node} starts again", lambda: scene.cluster.start(node))


@drill(aim=60, within=120)
def primary_lost_after_its_standbys_froze(scene: Scene) -> None:
    """When both standbys freeze and then the primary's node is lost for half a minute, nothing acknowledged is gone.

    A buyer waits: without a standby there are no commits, and no standby takes over, since none is known to have all.
    It sells again when the old primary is back. Staff who cannot bring it back choose (the runbook says how).
    """
    node = scene.cluster.primary()
    standbys = [name for name in PATRONI if name != node]
    for name in standbys:
        scene.breaks(f"{name} freezes", lambda name=name: scene.cluster.freeze(name))
    scene.goes_on(10)
    scene.breaks(f"{node} is lost", lambda: scene.cluster.lose(node))
    for name in standbys:
        scene.heals(f"{name} thaws", lambda name=name: scene.cluster.thaw(name))
    scene.goes_on(30)
    scene.heals(f"{node} starts again", lambda: scene.cluster.start(node))
    scene.sells()


@drill(aim=60, within=120)
def postgresql_restarted(scene: Scene) -> None:
    """When all three PostgreSQL nodes are restarted at once, then reservations are back within a minute.

    A buyer is told to come again until there is a primary. Staff: the admin of events is away as long.
    """
    scene.breaks("all three restart", lambda: scene.cluster.restart(*PATRONI))
    scene.sells()
    scene.goes_on(5)


# --- etcd -----------------------------------------------------------------------------------------


@drill(aim=2)
def etcd_one_killed(scene: Scene) -> None:
    """When one of three etcd nodes is lost, then nobody notices.

    Nobody sees anything.
    """
    scene.breaks("etcd-1 is lost", lambda: scene.cluster.lose("etcd-1"))
    scene.goes_on(25)
    scene.heals("it starts again", lambda: scene.cluster.start("etcd-1"))


@drill(aim=60, within=120)
def etcd_majority_killed(scene: Scene) -> None:
    """When two of three etcd nodes are lost for 30 s, then writes stop cleanly, and are back soon after they return.

    A buyer is told to come again: without a majority nobody may be primary. The portal's list of events is shown as
    it last knew it.
    """
    scene.breaks("etcd-1 and etcd-2 are lost", lambda: scene.cluster.lose("etcd-1", "etcd-2"))
    scene.goes_on(30)
    scene.heals("both start again", lambda: scene.cluster.start("etcd-1", "etcd-2"))
    scene.sells()


# --- RabbitMQ -------------------------------------------------------------------------------------


@drill(aim=2, no_failure=True)
def queue_leader_killed(scene: Scene) -> None:
    """When the RabbitMQ node that leads the queue is lost, then no request fails.

    Nobody sees anything; a ticket may arrive some seconds later.
    """
    node = scene.cluster.queue_leader()
    scene.breaks(f"{node} is lost", lambda: scene.cluster.lose(node))
    scene.goes_on(20)
    scene.heals(f"{node} starts again", lambda: scene.cluster.start(node))


@drill(aim=2, no_failure=True)
def broker_node_cut_off(scene: Scene) -> None:
    """When the queue's leader is cut off from all networks and joined again, then no request fails.

    Nobody sees anything; a ticket may arrive some seconds later.
    """
    node = scene.cluster.queue_leader()
    scene.breaks(f"{node} is cut off", lambda: scene.cluster.cut(node))
    scene.goes_on(30)
    scene.heals(f"{node} is joined again", lambda: scene.cluster.join(node))


@drill(aim=2)
def broker_restarted(scene: Scene) -> None:
    """When all RabbitMQ nodes are killed and start again, then selling goes on and all is carried afterwards.

    A buyer has the seat at once, and can pay when the brokers are back. Staff see the ticket then. An outside seller
    is told to come again.
    """
    scene.breaks("all three are lost", lambda: scene.cluster.lose(*RABBITMQ))
    scene.goes_on(10)
    scene.heals("all three start again", lambda: scene.cluster.start(*RABBITMQ))


@drill(aim=2, outside_is_promised=False)
def broker_data_deleted(scene: Scene) -> None:
    """When RabbitMQ loses all its data, then selling goes on and each of our tickets still arrives, once.

    A buyer has the seat at once, and can pay when the relay has published again. What outside sellers had in the
    queue is gone: they have to send again what they find no ticket of.
    """
    scene.breaks("both workers stop, so that the queues fill", lambda: scene.cluster.stop("worker"))
    scene.goes_on(5)
    scene.breaks("all nodes and volumes are deleted, new ones start", lambda: scene.cluster.forget(*RABBITMQ))
    scene.heals("the workers start again", lambda: scene.cluster.start("worker"))


# --- MariaDB --------------------------------------------------------------------------------------


@drill(aim=2)
def mariadb_killed(scene: Scene) -> None:
    """When MariaDB's primary is killed with -9 and restarts, then selling goes on.

    A buyer can reserve, and pay when it is back; tickets already bought are shown from the replica. Staff: the desk is
    away meanwhile.
    """
    node = scene.cluster.mariadb_primary()
    scene.breaks(f"{node} is killed", lambda: scene.cluster.crash_one(node))
    scene.goes_on(15)


@drill(aim=2)
def mariadb_replica_killed(scene: Scene) -> None:
    """When MariaDB's replica is lost for 20 s, then billing waits for it, and selling goes on.

    A buyer can reserve; whoever pays is told to come again, and so are some who look, while threads wait for the
    replica. Staff: the same at the desk and the gates.
    """
    node = scene.cluster.mariadb_replica()
    scene.breaks(f"{node} is lost", lambda: scene.cluster.lose(node))
    scene.goes_on(20)
    scene.heals(f"{node} starts again", lambda: scene.cluster.start(node))


@drill(aim=2)
def mariadb_promoted(scene: Scene) -> None:
    """When MariaDB's primary is lost and its replica is promoted and healed, then nothing acknowledged is gone.

    A buyer can reserve, and pay when the promotion is done; tickets are not shown while it lasts. Staff: the desk
    is away as long.
    """
    old, new = scene.cluster.mariadb_primary(), scene.cluster.mariadb_replica()
    scene.breaks(f"{old} is lost", lambda: scene.cluster.lose(old))
    scene.goes_on(5)
    scene.heals(f"{new} is promoted", lambda: scene.cluster.promote(new))


# --- Buyers ---------------------------------------------------------------------------------------


@drill(aim=2, within=30)
def rush(scene: Scene) -> None:
    """When forty buyers want the same seat in the same instant, seat after seat, then each seat has one.

    One buyer has the seat, the others are told by name which seat was lost.
    """
    scene.breaks("forty buyers, ten seats", lambda: scene.load.rush(buyers=40, rounds=10))


# --- Carriers -------------------------------------------------------------------------------------


@drill(aim=2, no_failure=True)
def worker_killed(scene: Scene) -> None:
    """When both workers are killed with -9, twice, then no request fails and all is carried.

    Nobody sees anything; a ticket may arrive some seconds later.
    """
    for _ in range(2):
        scene.breaks("both workers are killed", lambda: scene.cluster.crash("worker"))
        scene.goes_on(8)


@drill(aim=2, no_failure=True)
def carriers_killed(scene: Scene) -> None:
    """When relays, jobs, ingress, workers and Flower are killed with -9, all at once, then no request fails.

    Nobody sees anything; tickets and documents may come some seconds later.
    """
    services = ["worker", "ingress", "flower"]
    services += [f"{site}-{part}" for site in ("reservations", "billing") for part in ("relay", "jobs")]
    scene.breaks("all of them are killed", lambda: scene.cluster.crash(*services))
    scene.goes_on(15)


@drill(aim=2)
def middleware_killed(scene: Scene) -> None:
    """When both HTTP fronts for outside sellers are killed with -9, then only they are away for a moment.

    An outside seller gets no answer for some seconds, and sends the same ticket again. Buyers and staff: nothing.
    """
    scene.breaks("both are killed", lambda: scene.cluster.crash("middleware-1", "middleware-2"))
    scene.goes_on(15)


@drill(aim=2)
def gateway_killed(scene: Scene) -> None:
    """When the payment gateway is lost for 20 s while buyers pay, then no money is taken twice or kept wrongly.

    A buyer is told that nothing was charged, or that it is not known yet; the order's page says which as soon as
    it is known. Staff see such payments as open.
    """
    scene.breaks("the gateway is lost", lambda: scene.cluster.lose("gateway"))
    scene.goes_on(20)
    scene.heals("it starts again", lambda: scene.cluster.start("gateway"))


# --- Whole sites ----------------------------------------------------------------------------------


@drill(aim=2)
def billing_down(scene: Scene) -> None:
    """When all of billing is down for a minute while selling goes on, then it catches up by itself.

    A buyer can reserve, and pay when it is back; the portal says so. Staff: the desk and the gates are away.
    """
    parts = ("billing-1", "billing-2", "billing-relay", "billing-jobs")
    scene.breaks("billing is lost", lambda: scene.cluster.lose(*parts))
    scene.goes_on(A_MINUTE)
    scene.heals("it starts again", lambda: scene.cluster.start(*parts))


@drill(aim=2)
def billing_catches_up(scene: Scene) -> None:
    """When five thousand tickets wait for billing, then it takes in 200 or more a second, and all arrive.

    A buyer has the seats, and can pay when the tickets have arrived. Staff see them then.
    """
    _event, seats = scene.cluster.make_event("Estadio", rows=50, seats=100)
    parts = ("billing-1", "billing-2", "billing-relay", "billing-jobs")
    scene.breaks("billing is lost", lambda: scene.cluster.lose(*parts))
    codes: list[str] = []
    scene.breaks("500 buyers take ten seats each", lambda: codes.extend(scene.load.crowd(seats, each=10)))
    scene.heals("billing starts again", lambda: scene.cluster.start(*parts))
    rate = until(
        "all have arrived", lambda: checker.arrived_per_second(scene.cluster.databases, codes), within=AT_REST_WITHIN
    )
    scene.notes["tickets_a_second"] = rate
    scene.heals(f"all have arrived, {rate:.0f} tickets a second", lambda: None)


@drill(aim=75, within=120)
def reservations_down(scene: Scene) -> None:
    """When all of reservations is down for a minute while buyers pay and staff refund, then it catches up by itself.

    A buyer sees the last known catalogue, and can pay what is reserved. Staff: the desk works on; seats that were
    refunded come free afterwards.
    """
    parts = ("reservations-1", "reservations-2", "reservations-relay", "reservations-jobs")
    scene.breaks("reservations is lost", lambda: scene.cluster.lose(*parts))
    scene.goes_on(A_MINUTE)
    scene.heals("it starts again", lambda: scene.cluster.start(*parts))


@drill(aim=2)
def portal_database_down(scene: Scene) -> None:
    """When the portal's own database is lost for 20 s, then the APIs go on and the portal comes back by itself.

    Whoever only looks at the portal sees nothing of it; the load does not log in there. Outside programs and staff:
    nothing.
    """
    scene.breaks("it is lost", lambda: scene.cluster.lose("portal-database"))
    scene.goes_on(20)
    scene.heals("it starts again", lambda: scene.cluster.start("portal-database"))


# --- Planned work ---------------------------------------------------------------------------------


@drill(aim=5, within=60, no_failure=True, seats=6000)
def rolling_restart(scene: Scene) -> None:
    """When every part is restarted, one after the other, then no request fails.

    A buyer may wait for some seconds, inside a site, when the primary's role moves. Staff: nothing.
    """
    for part in ("etcd", "postgres", "rabbitmq", "mariadb", "migrations", "sites", "carriers", "proxies"):
        scene.breaks(f"deploy/rolling {part}", lambda part=part: docker.run("deploy/rolling", part, within=900))
    scene.heals("it has ended", lambda: None)
