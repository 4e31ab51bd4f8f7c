"""Reserving and paying, as the buyer's form asks for it."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from portal_site.checkout.forms import Choice
from portal_site.clients.calls import Refused, Visitor
from portal_site.clients.reservations import Reservation, reservations

# A form that is sent again after its hold ended (the browser's back button) means a new hold.
TURNS = 3


def reserve_seats(*, event_id: int, choice: Choice, buyer: dict[str, Any], visitor: Visitor) -> Reservation:
    """The hold. Sending the same form twice gives the same one. Raises Refused or Unavailable."""
    turn = 0
    while True:
        key = choice.key(buyer["rut"], turn)
        if choice.how == "best":
            found = reservations().reserve_best(
                event_id=event_id,
                quantity=choice.quantity,
                section=choice.section,
                buyer=buyer,
                key=key,
                visitor=visitor,
            )
        else:
            found = reservations().reserve_seats(seat_ids=choice.seats, buyer=buyer, key=key, visitor=visitor)
        turn += 1
        if found.status not in ("released", "cancelling") or turn == TURNS:
            return found


def lost_seats(refused: Refused) -> dict[int, str]:
    """The names of the seats that somebody else took meanwhile, by their ids."""
    taken = refused.fields.get("taken")
    if not isinstance(taken, list):
        return {}
    return {
        int(seat["seat_id"]): str(seat.get("seat_number", ""))
        for seat in taken
        if isinstance(seat, dict) and str(seat.get("seat_id", "")).isdigit()
    }


def no_longer_free(names: Sequence[str]) -> str:
    if len(names) == 1:
        return _("El asiento %(seat)s ya no está libre: alguien lo tomó antes.") % {"seat": names[0]}
    return _("Los asientos %(seats)s ya no están libres: alguien los tomó antes.") % {"seats": ", ".join(names)}


def why_not(refused: Refused) -> str:
    """What the buyer is told."""
    if lost := [name for name in lost_seats(refused).values() if name]:
        return no_longer_free(lost)
    sentences = {
        "hold_limit": _("Ya tienes varios asientos sin pagar con este RUT. Págalos o cancélalos antes de pedir más."),
        "sales_closed": _("La venta de este evento está cerrada."),
        "not_enough_seats": _("No quedan tantos asientos libres ahí. Prueba con menos o con otro sector."),
    }
    return sentences.get(refused.code) or refused.error or _("No se pudo hacer la reserva.")
