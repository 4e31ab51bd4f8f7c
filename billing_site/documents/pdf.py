"""A ticket as an A4 page: to print, or to show on a telephone."""

import io
from decimal import Decimal

import segno
from django.utils import translation
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from billing_site.documents import wording
from billing_site.documents.typesetting import Fitted, fit, printable
from billing_site.tickets import signing
from billing_site.tickets.models import Ticket

WIDTH, HEIGHT = A4
MARGIN = 15 * mm
CARD_TOP = HEIGHT - 16 * mm
CARD_WIDTH = WIDTH - 2 * MARGIN
HEADER_HEIGHT = 66 * mm
BODY_HEIGHT = 106 * mm
CARD_BOTTOM = CARD_TOP - HEADER_HEIGHT - BODY_HEIGHT
PAD = 11 * mm
STUB = WIDTH - MARGIN - 74 * mm  # where the ticket is torn
QR_SIZE = 54 * mm

INK, NIGHT, PALE, LINE = HexColor(0x161A33), HexColor(0x1E2350), HexColor(0xF4F4FA), HexColor(0xD9DAE8)
MUTED, CORAL, MIST = HexColor(0x666B85), HexColor(0xFF6B57), HexColor(0xC6CAEE)
REGULAR, BOLD, MONO = "Helvetica", "Helvetica-Bold", "Courier"


def render(ticket: Ticket, *, language: str = "es-cl") -> bytes:
    """The ticket's PDF. The same ticket at the same version gives the same bytes."""
    with translation.override(language):
        buffer = io.BytesIO()
        canvas = Canvas(buffer, pagesize=A4, invariant=1, lang=language)
        canvas.setTitle(printable(f"{_('Boleto')} · {ticket.event}"))
        canvas.setAuthor("TicketFlow")
        canvas.setSubject(printable(ticket.external_id))
        _card(canvas)
        _header(canvas, ticket)
        _place(canvas, ticket)
        _holder(canvas, ticket)
        _stub(canvas, ticket)
        _advice(canvas, ticket)
        canvas.showPage()
        canvas.save()
        return buffer.getvalue()


def _card(canvas: Canvas) -> None:
    canvas.setFillColor(white)
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.8)
    canvas.roundRect(MARGIN, CARD_BOTTOM, CARD_WIDTH, HEADER_HEIGHT + BODY_HEIGHT, 5 * mm, stroke=1, fill=1)
    canvas.saveState()
    path = canvas.beginPath()
    path.roundRect(MARGIN, CARD_BOTTOM, CARD_WIDTH, HEADER_HEIGHT + BODY_HEIGHT, 5 * mm)
    canvas.clipPath(path, stroke=0, fill=0)
    header = canvas.beginPath()
    header.rect(MARGIN, CARD_TOP - HEADER_HEIGHT, CARD_WIDTH, HEADER_HEIGHT)
    canvas.saveState()
    canvas.clipPath(header, stroke=0, fill=0)
    canvas.setFillColor(NIGHT)
    canvas.rect(MARGIN, CARD_TOP - HEADER_HEIGHT, CARD_WIDTH, HEADER_HEIGHT, stroke=0, fill=1)
    # Rings, as of sound, from the far corner.
    canvas.setStrokeColor(HexColor(0x343B7A))
    for n in range(1, 8):
        canvas.setLineWidth(2.2 if n % 2 else 0.9)
        canvas.circle(WIDTH - MARGIN - 4 * mm, CARD_TOP - 2 * mm, n * 10 * mm, stroke=1, fill=0)
    canvas.restoreState()
    canvas.setFillColor(CORAL)
    canvas.rect(MARGIN, CARD_TOP - HEADER_HEIGHT - 1.6 * mm, CARD_WIDTH, 1.6 * mm, stroke=0, fill=1)
    canvas.restoreState()
    # The line to tear along, with its two notches.
    bottom, top = CARD_BOTTOM, CARD_TOP - HEADER_HEIGHT - 1.6 * mm
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(1.1)
    canvas.setDash(1, 4)
    canvas.setLineCap(1)
    canvas.line(STUB, bottom + 6 * mm, STUB, top - 4 * mm)
    canvas.setDash()
    canvas.setLineCap(0)
    canvas.setFillColor(white)
    canvas.setLineWidth(0.8)
    canvas.circle(STUB, bottom, 3.4 * mm, stroke=1, fill=1)
    canvas.rect(STUB - 5 * mm, bottom - 5 * mm, 10 * mm, 4.8 * mm, stroke=0, fill=1)


def _header(canvas: Canvas, ticket: Ticket) -> None:
    order = ticket.order
    left, width = MARGIN + PAD, CARD_WIDTH - 2 * PAD
    canvas.setFillColor(CORAL)
    canvas.roundRect(left, CARD_TOP - 15.4 * mm, 5.4 * mm, 5.4 * mm, 1.4 * mm, stroke=0, fill=1)
    canvas.setFillColor(white)
    canvas.circle(left + 2.7 * mm, CARD_TOP - 12.7 * mm, 1.1 * mm, stroke=0, fill=1)
    _text(canvas, left + 8 * mm, CARD_TOP - 14.2 * mm, "TicketFlow", BOLD, 12.5, white)
    right = WIDTH - MARGIN - PAD
    _text(canvas, right, CARD_TOP - 14 * mm, _("BOLETO DE ENTRADA"), BOLD, 8, MIST, align="right", spacing=1.1)

    event = fit(ticket.event, font=BOLD, width=width - 14 * mm, sizes=(29, 15), lines=2)
    if len(event.lines) > 1 and event.size > 24:
        event = fit(ticket.event, font=BOLD, width=width - 14 * mm, sizes=(24, 15), lines=2)
    y = CARD_TOP - 20 * mm - event.size
    _lines(canvas, left, y, event, BOLD, white)
    when = wording.day(order.starts_at) if order.starts_at else _("Fecha según el organizador")
    when = when[:1].upper() + when[1:]
    clock = _("%s h") % wording.clock(order.starts_at) if order.starts_at else ""
    base = CARD_TOP - HEADER_HEIGHT + 10 * mm
    label_y = base + 5.6 * mm
    columns = [(_("FECHA"), when, 70 * mm), (_("HORA"), clock, 26 * mm), (_("RECINTO"), order.venue, 60 * mm)]
    x = left
    for label, value, column in columns:
        if not value:
            continue
        _text(canvas, x, label_y, label, BOLD, 7, MIST, spacing=0.8)
        fitted = fit(value, font=BOLD, width=column - 4 * mm, sizes=(11.5, 8), lines=2)
        _lines(canvas, x, base if len(fitted.lines) == 1 else base + 0.6 * mm, fitted, BOLD, white)
        x += column


def _place(canvas: Canvas, ticket: Ticket) -> None:
    seat = wording.seat_parts(section=ticket.section, seat=ticket.seat)
    left, width = MARGIN + PAD, STUB - MARGIN - 2 * PAD + 3 * mm
    top = CARD_TOP - HEADER_HEIGHT - 12 * mm
    if not seat.number:
        canvas.setFillColor(PALE)
        canvas.roundRect(left, top - 34 * mm, width, 34 * mm, 3 * mm, stroke=0, fill=1)
        _text(canvas, left + 6 * mm, top - 8.5 * mm, _("UBICACIÓN"), BOLD, 7.5, MUTED, spacing=0.8)
        general = fit(_("Entrada general"), font=BOLD, width=width - 12 * mm, sizes=(24, 14))
        _lines(canvas, left + 6 * mm, top - 20 * mm, general, BOLD, INK)
        _text(canvas, left + 6 * mm, top - 27 * mm, _("Sin asiento numerado"), REGULAR, 10, MUTED)
        return
    if seat.section:
        _text(canvas, left, top - 2 * mm, _("SECTOR"), BOLD, 7.5, MUTED, spacing=0.8)
        section = fit(seat.section, font=BOLD, width=width, sizes=(17, 10))
        _lines(canvas, left, top - 9.4 * mm, section, BOLD, INK)
    tiles = ([(_("FILA"), seat.row)] if seat.row else []) + [(_("ASIENTO"), seat.number)]
    gap = 4 * mm
    tile = (width - gap * (len(tiles) - 1)) / len(tiles)
    for index, (label, value) in enumerate(tiles):
        x = left + index * (tile + gap)
        canvas.setFillColor(PALE)
        canvas.roundRect(x, top - 42 * mm, tile, 27 * mm, 3 * mm, stroke=0, fill=1)
        _text(canvas, x + tile / 2, top - 20.6 * mm, label, BOLD, 7.5, MUTED, align="center", spacing=0.8)
        big = fit(value, font=BOLD, width=tile - 6 * mm, sizes=(42, 12))
        _lines(canvas, x + tile / 2, top - 31.5 * mm - big.size * 0.3, big, BOLD, INK, align="center")


def _holder(canvas: Canvas, ticket: Ticket) -> None:
    left, width = MARGIN + PAD, STUB - MARGIN - 2 * PAD + 3 * mm
    y = CARD_TOP - HEADER_HEIGHT - 65 * mm
    name = ticket.order.name or ticket.person.full_name
    _text(canvas, left, y, _("TITULAR"), BOLD, 7.5, MUTED, spacing=0.8)
    if name:
        fitted = fit(name, font=BOLD, width=width, sizes=(14, 9), lines=2)
        _lines(canvas, left, y - 6.2 * mm, fitted, BOLD, INK)
        y -= (len(fitted.lines) - 1) * fitted.leading + 6.2 * mm
    _text(canvas, left, y - 5.6 * mm, _("RUT %s") % ticket.person.rut_display, REGULAR, 11, INK)

    y = CARD_BOTTOM + 14.5 * mm
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.6)
    canvas.line(left, y + 6 * mm, left + width, y + 6 * mm)
    _text(canvas, left, y, _("PRECIO"), BOLD, 7.5, MUTED, spacing=0.8)
    _text(canvas, left, y - 5.8 * mm, _price(ticket.price), BOLD, 13, INK)
    _text(canvas, left + 34 * mm, y, _("ORDEN"), BOLD, 7.5, MUTED, spacing=0.8)
    code = fit(ticket.order.code, font=BOLD, width=width - 34 * mm, sizes=(13, 7), lines=2)
    _lines(canvas, left + 34 * mm, y - 5.8 * mm, code, BOLD, INK)


def _stub(canvas: Canvas, ticket: Ticket) -> None:
    right_edge = WIDTH - MARGIN
    middle = (STUB + right_edge) / 2
    top = CARD_TOP - HEADER_HEIGHT - 9 * mm
    x = middle - QR_SIZE / 2
    _qr(canvas, signing.sign(ticket), x, top - QR_SIZE - 3 * mm)
    y = top - QR_SIZE - 13 * mm
    _text(canvas, middle, y, _("Muestra este código en la entrada"), BOLD, 9, INK, align="center")
    _text(canvas, middle, y - 5 * mm, _("Válido para un solo ingreso"), REGULAR, 8.5, MUTED, align="center")
    code = fit(ticket.external_id, font=MONO, width=right_edge - STUB - 12 * mm, sizes=(7.6, 5.5), lines=3)
    _text(canvas, middle, y - 12.2 * mm, _("BOLETO"), BOLD, 6.5, MUTED, align="center", spacing=0.8)
    _lines(canvas, middle, y - 16 * mm, code, MONO, INK, align="center")


def _qr(canvas: Canvas, text: str, x: float, y: float) -> None:
    code = segno.make_qr(text, error="m")
    rows = [bytes(row) for row in code.matrix]
    module = QR_SIZE / len(rows)
    path = canvas.beginPath()
    for number, row in enumerate(rows):
        start = None
        for column, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                # A hair higher than the module, so that no viewer shows a line between two rows.
                bottom = y + QR_SIZE - (number + 1) * module
                path.rect(x + start * module, bottom, (column - start) * module, module * 1.01)
                start = None
    canvas.setFillColor(HexColor(0x000000))
    canvas.drawPath(path, stroke=0, fill=1)


def _advice(canvas: Canvas, ticket: Ticket) -> None:
    points = [
        (_("Llega con tiempo"), _("Recomendamos estar en la puerta una hora antes del comienzo.")),
        (_("Lleva tu cédula"), _("El personal puede pedir el documento del titular.")),
        (_("No compartas el código"), _("Quien ingresa primero con él usa el boleto; las copias no sirven.")),
    ]
    column = CARD_WIDTH / 3
    top = CARD_BOTTOM - 17 * mm
    for number, (title, sentence) in enumerate(points):
        x = MARGIN + number * column
        canvas.setFillColor(CORAL)
        canvas.circle(x + 3.6 * mm, top + 1.2 * mm, 3.6 * mm, stroke=0, fill=1)
        _text(canvas, x + 3.6 * mm, top - 0.2 * mm, str(number + 1), BOLD, 10, white, align="center")
        _text(canvas, x + 10 * mm, top, title, BOLD, 10, INK)
        _lines(
            canvas,
            x + 10 * mm,
            top - 5 * mm,
            fit(sentence, font=REGULAR, width=column - 14 * mm, sizes=(8.5, 7), lines=4),
            REGULAR,
            MUTED,
        )
    terms = _(
        "Boleto personal, válido solo para el evento, la fecha y la ubicación indicados. Los reembolsos se piden "
        "antes del ingreso y según las condiciones del organizador. Si el evento se cancela, se devuelve el precio "
        "pagado."
    )
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, top - 22 * mm, WIDTH - MARGIN, top - 22 * mm)
    fitted = fit(terms, font=REGULAR, width=CARD_WIDTH, sizes=(7.6, 6.5), lines=3)
    _lines(canvas, MARGIN, top - 27 * mm, fitted, REGULAR, MUTED)


def _price(amount: Decimal) -> str:
    return wording.pesos(amount) if amount else _("Liberado")


def _lines(  # noqa: PLR0917 (reads like the canvas's own calls)
    canvas: Canvas, x: float, y: float, text: Fitted, font: str, colour: HexColor, *, align: str = "left"
) -> None:
    for number, line in enumerate(text.lines):
        _text(canvas, x, y - number * text.leading, line, font, text.size, colour, align=align)


def _text(  # noqa: PLR0917 (reads like the canvas's own calls)
    canvas: Canvas,
    x: float,
    y: float,
    text: str,
    font: str,
    size: float,
    colour: HexColor,
    *,
    align: str = "left",
    spacing: float = 0,
) -> None:
    text = printable(text)
    width = canvas.stringWidth(text, font, size) + spacing * max(0, len(text) - 1)
    start = {"left": x, "right": x - width, "center": x - width / 2}[align]
    canvas.setFillColor(colour)
    canvas.setFont(font, size)
    canvas.drawString(start, y, text, charSpace=spacing)
