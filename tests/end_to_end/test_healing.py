"""One side is restored from an older backup: it heals, and nothing that anybody was told is taken back."""

from pathlib import Path

from tests import backups
from tests.world import World, until

BILLING = ("billing", "billing-relay", "billing-jobs")
RESERVATIONS = ("reservations", "reservations-relay", "reservations-jobs")


def go_on(world: World, event: int, seats: list[int], before: dict[str, str]) -> dict[str, str]:
    """What happens after the backup: everything that can happen to an order. Each order's status at the end."""
    staff = world.staff()
    # An order of before is paid, one is cancelled, one is given back and its seat sold again, one is used.
    assert world.pay(before["to pay"]).status == 200
    assert world.cancel(before["to cancel"]).status == 202
    ticket = world.order(before["to refund"])["tickets"][0]["external_id"]
    assert staff.refund(ticket).status == 200
    assert staff.check_in(world.order(before["to use"])["tickets"][0]["external_id"]).status == 200
    world.seat_is(event, seats[3], "available")
    world.seat_is(event, seats[1], "available")
    # New ones: on the seats that came free, paid and not, given back in part, paid by a card that is slow to answer.
    resold, paid, half = world.paid(seats[3]), world.paid(seats[6], seats[7]), world.paid(seats[8], seats[9])
    assert staff.refund(half["tickets"][0]["external_id"]).status == 200
    held, gone = world.held(seats[1]), world.held(seats[11])
    world.arrived(held["code"])
    world.arrived(gone["code"])
    assert world.cancel(gone["code"]).status == 202
    world.seat_is(event, seats[11], "available")
    return {
        before["stays"]: "paid",
        before["to pay"]: "paid",
        before["to cancel"]: "expired",
        before["to refund"]: "refunded",
        before["to use"]: "paid",
        before["pending"]: "pending",
        resold["code"]: "paid",
        paid["code"]: "paid",
        half["code"]: "mixed",
        held["code"]: "pending",
        gone["code"]: "expired",
    }


def begin(world: World, seats: list[int]) -> dict[str, str]:
    """Orders that the backup has."""
    found = {"to pay": world.held(seats[0])["code"], "to cancel": world.held(seats[1])["code"]}
    found |= {"stays": world.paid(seats[2])["code"], "to refund": world.paid(seats[3])["code"]}
    found |= {"to use": world.paid(seats[4])["code"], "pending": world.held(seats[5])["code"]}
    world.at_rest()
    return found


def all_as_told(world: World, told: dict[str, str]) -> None:
    world.at_rest()
    assert {code: (world.order(code) or {}).get("status") for code in told} == told
    assert "0 differences" in world.stack.manage("billing", "reconcile")


def test_billing_restored_to_an_older_backup_loses_nothing(world: World, tmp_path: Path) -> None:
    event, seats = world.make_event(seats=20)
    before = begin(world, seats)
    backups.dump_billing(world.servers, tmp_path / "billing.sql")
    told = go_on(world, event, seats, before)
    world.at_rest()
    with world.without("worker"):
        # Paid and answered, but reservations was not told any more: only the gateway's ledger knows.
        assert world.pay(before["pending"]).status == 200
        told[before["pending"]] = "paid"
        with world.without(*BILLING):
            backups.restore_billing(world.servers, tmp_path / "billing.sql")
            said = world.stack.manage("billing", "heal")
            assert ", 0 to look at" in said, said
    all_as_told(world, told)
    used = world.order(before["to use"])["tickets"][0]
    assert world.staff().check_in(used["external_id"]).status == 409
    # A second run finds nothing to do.
    assert ", 0 to look at" in world.stack.manage("billing", "heal")
    all_as_told(world, told)


def test_reservations_restored_to_an_older_backup_loses_nothing(world: World, tmp_path: Path) -> None:
    event, seats = world.make_event(seats=20)
    before = begin(world, seats)
    backups.dump_reservations(world.servers, tmp_path / "reservations.dump")
    told = go_on(world, event, seats, before)
    world.at_rest()
    with world.without(*RESERVATIONS):
        backups.restore_reservations(world.servers, tmp_path / "reservations.dump")
        said = world.stack.manage("reservations", "adopt")
        assert "5 made again" in said, said
    all_as_told(world, told)
    # Seats that were sold after the backup are not sold again, free ones are.
    assert [world.reserve(seat).status for seat in (seats[3], seats[6], seats[11])] == [409, 409, 201]
    until("the last one is carried", lambda: world.at_rest() is None)
