"""What is recorded in words for programs, as staff read it."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _


def pesos(amount: Any) -> str:
    """Whole pesos as people write them: $85.000."""
    return "$" + f"{int(amount or 0):,}".replace(",", ".")


def action_names() -> dict[str, str]:
    """Everything that is recorded, in the reader's language."""
    return {
        "reserved": _("reservó"),
        "asked_to_end": _("pidió terminarla"),
        "confirmed": _("pagada"),
        "adopted": _("recuperada desde facturación"),
        "released": _("liberada"),
        "seat_conflict": _("conflicto de asiento"),
        "seats_blocked": _("bloqueó asientos"),
        "seats_unblocked": _("desbloqueó asientos"),
        "plan_built": _("armó el plano"),
        "plan_copied": _("copió el plano"),
        "event_added": _("creó el evento"),
        "event_changed": _("cambió el evento"),
        "event_copied": _("copió el evento"),
        "event_cancelled": _("canceló el evento"),
        "seats_zoned": _("cambió asientos de zona"),
        "prices_changed": _("cambió precios"),
        "step_undone": _("deshizo un paso"),
        "exported": _("descargó una lista"),
        "room_added": _("abrió una sala de espera"),
        "room_changed": _("cambió la sala de espera"),
        "room_paused": _("puso la sala de espera en pausa"),
        "room_resumed": _("reanudó la sala de espera"),
        "room_drawn": _("sorteó los lugares de la sala de espera"),
        "venue_added": _("creó el recinto"),
        "venue_changed": _("cambió el recinto"),
        "venue_deleted": _("eliminó el recinto"),
    }


def action_name(action: str) -> str:
    """What was done, in the reader's language."""
    return action_names().get(action, action)


def reason_name(reason: str) -> str:
    """Why billing was asked to end a reservation."""
    names = {
        "hold_ran_out": _("venció el plazo de pago"),
        "cancelled_by_buyer": _("la canceló el comprador"),
        "cancelled_by_staff": _("la canceló boletería"),
        "event_cancelled": _("se canceló el evento"),
    }
    return names.get(reason, reason or "—")


def ticket_status_name(status: str) -> str:
    """What billing has said of a ticket."""
    names = {
        "PENDING_PAYMENT": _("por pagar"),
        "PAID": _("pagado"),
        "USED": _("usado"),
        "REFUNDED": _("devuelto"),
        "EXPIRED": _("vencido"),
    }
    return names.get(status, status or "—")


def moment(at: datetime | None) -> str:
    """A moment, short and to the minute, in the venue's time."""
    return timezone.localtime(at).strftime("%d-%m-%Y %H:%M") if at is not None else "—"


def detail_text(detail: dict[str, Any]) -> str:
    """The detail of an entry on one line; what is for programs only is left out."""
    names = {
        "seat": _("asiento"),
        "what": _("qué"),
        "zone": _("zona"),
        "price": _("precio"),
        "changes": _("cambios"),
        "copied_from": _("copiado de"),
        "total": _("total"),
        "seats": _("asientos"),
        "blocked": _("bloqueados"),
        "kept": _("quedaron como estaban"),
        "status": _("estado"),
        "ticket": _("boleto"),
        "reason": _("motivo"),
        "note": _("nota"),
        "fields": _("campos"),
        "venue": _("recinto"),
        "sections": _("sectores"),
        "list": _("lista"),
        "format": _("formato"),
        "seed": _("semilla"),
        "filters": _("filtros"),
    }
    parts = []
    for key, name in names.items():
        if (value := detail.get(key)) not in ("", [], None):
            shown = {"reason": reason_name, "status": ticket_status_name, "what": action_name}.get(key, str)
            parts.append(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else shown(value)}")
    return " · ".join(parts) or "—"
