"""What a gate says, in the field's words: a headline that is read from two metres, and what to do."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing_site.gate.models import Entry

# By the answer's code: headline, and what to do. {time}, {gate} and {event} are put in by the telephone.
ANSWERS: dict[str, tuple[Promise | str, Promise | str]] = {
    "in": (_("Adelante"), ""),
    "in_unlisted": (_("Adelante"), _("No está en la lista; la firma es válida. Queda anotado.")),
    "already_used": (_("Ya ingresó"), _("A las {time} por la puerta «{gate}».")),
    "already_used_somewhere": (_("Ya ingresó"), _("No dejar entrar otra vez.")),
    "not_paid": (_("No está pagado"), _("Enviar a boletería para pagar.")),
    "refunded": (_("Reembolsado"), _("El dinero se devolvió: ya no sirve.")),
    "expired": (_("Vencido"), _("Nunca se pagó y su asiento se liberó.")),
    "other_event": (_("Es de otro evento"), _("Revisar la fecha y el lugar.")),
    "forged": (_("Código falso"), _("La firma no es nuestra. Avisar al jefe.")),
    "unknown_key": (_("Clave desconocida"), _("Firmado con una clave que este equipo no tiene. Actualizar la lista.")),
    "unknown": (_("No existe"), _("Leer de nuevo, o buscar por la orden.")),
    "unlisted": (_("No está en la lista"), _("Sin red no se puede comprobar. Enviar a boletería.")),
    "no_list": (_("Sin lista"), _("Este equipo no tiene la lista del evento. Buscar red y abrir la puerta otra vez.")),
    "choose": (_("Elige el boleto"), _("La orden tiene varios.")),
}
# Why billing could not count an entry, for the list of doubles.
WHY: dict[str, Promise | str] = {
    Entry.Outcome.DOUBLE: _("Entró dos veces"),
    Entry.Outcome.REFUNDED: _("Ya estaba reembolsado"),
    Entry.Outcome.NOT_PAID: _("No estaba pagado"),
    Entry.Outcome.EXPIRED: _("Había vencido"),
    Entry.Outcome.OTHER_EVENT: _("Era de otro evento"),
    Entry.Outcome.UNKNOWN: _("No se conoce el boleto"),
}
STATUSES: dict[str, Promise | str] = {
    "PENDING_PAYMENT": _("por pagar"),
    "PAID": _("pagado"),
    "USED": _("usado"),
    "REFUNDED": _("reembolsado"),
    "EXPIRED": _("vencido"),
}
PHRASES: dict[str, Promise | str] = {
    "online": _("En línea"),
    "offline": _("Sin red"),
    "logged_out": _("Sesión terminada"),
    "loading": _("Cargando la lista…"),
    "pending_one": _("1 ingreso por enviar"),
    "pending": _("{n} ingresos por enviar"),
    "list_age_now": _("lista de recién"),
    "list_age": _("lista de hace {n} min"),
    "list_age_hours": _("lista de hace {h} h {n} min"),
    "doubles_one": _("1 entrada doble"),
    "doubles": _("{n} entradas dobles"),
    "twice_here": _("Hace un momento, por esta misma puerta: quizás se leyó dos veces."),
    "let_in": _("Dejar entrar"),
    "counts": _("{in} adentro, {left} por llegar"),
    "double_line": _("{why}: puerta «{gate}», {time}"),
    "first_line": _("Primer ingreso: puerta «{gate}», {time}"),
    "this_device": _("este equipo"),
    "camera_on": _("Cerrar la cámara"),
    "camera_off": _("Abrir la cámara"),
    "camera_denied": _("El navegador no dejó usar la cámara. Se puede leer con un lector o escribir."),
    "no_camera": _("Este equipo no tiene cámara. Se puede leer con un lector o escribir."),
    "not_taken": _("El sistema no pudo leer {n} ingresos; siguen en este equipo. Avisar al jefe."),
    "no_storage": _("Este navegador no guarda datos: sin red no funcionará. Revisar el modo privado."),
    "no_events": _("No hay eventos con boletos en las próximas semanas."),
    "no_date": _("sin fecha"),
    "no_gate": _("sin nombre"),
}
LIMITS = _(
    "Sin red, este equipo decide con su lista: no sabe de lo que se vendió, se reembolsó o entró por otra puerta "
    "después de cargarla. Un boleto nuevo con firma válida entra y queda anotado; una entrada doble se informa apenas "
    "vuelve la red."
)


def texts() -> dict[str, object]:
    """All of it in the active language, for the telephone."""
    return {
        "answers": {code: [str(headline), str(advice)] for code, (headline, advice) in ANSWERS.items()},
        "why": {outcome: str(words) for outcome, words in WHY.items()},
        "statuses": {status: str(words) for status, words in STATUSES.items()},
        "phrases": {name: str(words) for name, words in PHRASES.items()},
    }
