from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from billing_site.accounts.claims import as_stored
from billing_site.accounts.rut_search import ruts_meant
from billing_site.desk import ReadOnlyAdmin, badge, may_act
from billing_site.documents import services as documents
from billing_site.documents import wording
from billing_site.tickets import refund_page
from billing_site.tickets.history import TONES, action_label, by_day, order_history, timeline
from billing_site.tickets.models import Admission, AuditEntry, Order, Ticket


class EventFilter(admin.SimpleListFilter):
    """Events of the last half year and those to come; each by its number, outside ones by name."""

    title = _("evento")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        recent = Order.objects.filter(
            Q(starts_at__gt=timezone.now() - timedelta(days=180)) | Q(starts_at=None)
        ).order_by("event", "starts_at")
        found: dict[str, str] = {}
        for number, name, starts_at in recent.values_list("event_id", "event", "starts_at").distinct()[:200]:
            label = f"{name} · {timezone.localtime(starts_at):%d-%m-%Y}" if starts_at else name
            found.setdefault(f"id:{number}" if number is not None else f"name:{name}", label)
        return list(found.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind, _sep, value = (self.value() or "").partition(":")
        if kind == "id" and value.isdigit():
            return queryset.filter(event_id=int(value))
        return queryset.filter(event=value, event_id=None) if kind == "name" else queryset


class DayFilter(admin.SimpleListFilter):
    """Days of the venue's calendar, as ranges of moments: MariaDB needs no time zone tables for that."""

    title = _("día de pago")
    parameter_name = "paid"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        today = timezone.localdate()
        days = [today - timedelta(days=n) for n in range(2, 8)]
        return [("0", _("Hoy")), ("1", _("Ayer")), *((str((today - d).days), f"{d:%d-%m-%Y}") for d in days)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        value = self.value() or ""
        if not value.isdigit():
            return queryset
        day = timezone.localdate() - timedelta(days=min(int(value), 3650))
        start = datetime.combine(day, time.min, timezone.get_default_timezone())
        return queryset.filter(paid_at__gte=start, paid_at__lt=start + timedelta(days=1))


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    list_display = ["code", "state", "event", "place", "holder", "cost", "paid_at"]
    list_filter = ["status", EventFilter, DayFilter]
    list_select_related = ["order", "person"]
    # The search itself is below; this makes the box appear.
    search_fields = ["external_id"]
    search_help_text = _("RUT en cualquier formato, nombre, asiento, boleto u orden")
    actions = ["refund"]
    ordering = ["-id"]
    change_form_template = "admin/tickets/ticket.html"

    @admin.display(description=_("boleto"), ordering="external_id")
    def code(self, ticket: Ticket) -> SafeString:
        text = ticket.external_id
        short = text if len(text) <= 14 else f"{text[:7]}…{text[-4:]}"
        return format_html('<code class="nowrap" title="{}">{}</code>', text, short)

    @admin.display(description=_("ubicación"), ordering="seat")
    def place(self, ticket: Ticket) -> str:
        return wording.seat_line(section=ticket.section, seat=ticket.seat)

    @admin.display(description=_("titular"), ordering="order__name")
    def holder(self, ticket: Ticket) -> SafeString:
        name, rut = ticket.order.name or ticket.person.full_name, ticket.person.rut_display
        if not name:
            return format_html('<span class="nowrap">{}</span>', rut)
        return format_html('{}<br><span class="quiet nowrap">{}</span>', name, rut)

    @admin.display(description=_("precio"), ordering="price")
    def cost(self, ticket: Ticket) -> str:
        return wording.pesos(ticket.price)

    @admin.display(description=_("estado"), ordering="status")
    def state(self, ticket: Ticket) -> SafeString:
        return badge(ticket.get_status_display(), TONES[Ticket.Status(ticket.status)])

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        return queryset.filter(_matching(search_term, "order__", person="person__", seats=True)), False

    def get_urls(self) -> list[URLPattern]:
        pdf = path("<int:id>/document.pdf", self.admin_site.admin_view(self.pdf), name="tickets_ticket_pdf")
        return [pdf, *super().get_urls()]

    def pdf(self, request: HttpRequest, id: int) -> HttpResponse:
        """The ticket's PDF, for a customer at the counter who lost it."""
        if not may_act(request, "documents.view_document"):
            raise PermissionDenied
        ticket = Ticket.objects.filter(pk=id).first()
        if ticket is None:
            raise Http404
        try:
            content = documents.document_for(ticket)
        except documents.NotIssued:
            content = None
        if content is None:
            messages.warning(request, _("El documento no está listo, o el boleto ya no vale."))
            return HttpResponseRedirect(reverse("admin:tickets_ticket_change", args=[id]))
        headers = {"Content-Disposition": f'inline; filename="boleto-{id}.pdf"'}
        return HttpResponse(content, content_type="application/pdf", headers=headers)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        ticket = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if ticket is not None:
            story = AuditEntry.objects.filter(ticket=ticket).order_by("at", "id")
            context = {
                "ticket": ticket,
                "place": self.place(ticket),
                "holder": ticket.order.name or ticket.person.full_name,
                "price": self.cost(ticket),
                "badge": self.state(ticket),
                "admission": Admission.objects.filter(ticket=ticket).first(),
                "story": [(entry, action_label(entry.action)) for entry in story],
                "refundable": ticket.status == Ticket.Status.PAID and self.has_refund_permission(request),
                "title": self.place(ticket),
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def has_refund_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "tickets.refund_ticket")

    @admin.action(description=_("Reembolsar los boletos elegidos…"), permissions=["refund"])
    def refund(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> TemplateResponse | None:
        return refund_page.answer(request, queryset, self.admin_site.each_context(request))


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["code", "event", "starts_at", "holder", "rut", "source", "created_at"]
    list_filter = ["source", EventFilter, "created_at"]
    list_select_related = ["person"]
    search_fields = ["code"]
    search_help_text = _("Código, RUT en cualquier formato, nombre o correo")
    ordering = ["-id"]
    change_form_template = "admin/tickets/order.html"

    @admin.display(description=_("nombre"), ordering="name")
    def holder(self, order: Order) -> str:
        return order.name or order.person.full_name

    @admin.display(description=_("RUT"), ordering="person")
    def rut(self, order: Order) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', order.person.rut_display)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        return queryset.filter(_matching(search_term, "", person="person__", seats=False)), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        order = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if order is not None:
            context = {"order": order, "holder": self.holder(order), "title": order.code, **order_history(order)}
            lines = [line["row"] for line in context["tickets"]]
            context["story"] = by_day(timeline(order, lines, sees=request.user.has_perm))
            context["may_repair_mail"] = may_act(request, "documents.change_mail")
            if may_act(request, "tickets.refund_ticket") and may_act(request, "tickets.view_ticket"):
                context["refundable"] = [row.pk for row in lines if row.status == Ticket.Status.PAID]
            context["when"] = wording.day_and_clock(order.starts_at) if order.starts_at else ""
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


@admin.register(Admission)
class AdmissionAdmin(ReadOnlyAdmin):
    list_display = ["at", "gate", "event", "place", "holder", "by"]
    list_filter = ["gate", "at"]
    list_select_related = ["ticket__order", "ticket__person"]
    search_fields = ["ticket__external_id"]
    search_help_text = _("RUT en cualquier formato, nombre, asiento, boleto u orden")

    @admin.display(description=_("evento"), ordering="ticket__event")
    def event(self, admission: Admission) -> str:
        return admission.ticket.event

    @admin.display(description=_("ubicación"))
    def place(self, admission: Admission) -> str:
        return wording.seat_line(section=admission.ticket.section, seat=admission.ticket.seat)

    @admin.display(description=_("titular"))
    def holder(self, admission: Admission) -> str:
        return admission.ticket.order.name or str(admission.ticket.person)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Admission], search_term: str
    ) -> tuple[QuerySet[Admission], bool]:
        tickets = Ticket.objects.filter(_matching(search_term, "order__", person="person__", seats=True))
        return queryset.filter(ticket__in=tickets), False


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "by", "what", "order", "ticket", "person", "reason"]
    list_filter = ["action", "at"]
    list_select_related = ["order", "ticket", "person"]
    search_fields = ["by", "order__code__exact", "ticket__external_id__exact", "reason"]
    search_help_text = _("Quién, motivo, código de orden o boleto")

    @admin.display(description=_("qué"), ordering="action")
    def what(self, entry: AuditEntry) -> Any:
        return action_label(entry.action)


def _matching(text: str, order: str, *, person: str, seats: bool) -> Q:
    """Rows that a search means: a RUT however typed, a code, or words of names and seats, all of them."""
    text = text.strip()
    if not text:
        return Q()
    whole = Q(**{f"{order}code__in": {text, as_stored(text)}})
    if seats:
        whole |= Q(external_id__startswith=text) | Q(seat=text)
    if ruts := ruts_meant(text):
        return whole | Q(person__in=ruts)
    words = Q()
    for word in text.split():
        one = Q(**{f"{person}full_name__icontains": word}) | Q(**{f"{order}name__icontains": word})
        one |= Q(seat__iexact=word) | Q(section__icontains=word) if seats else Q(**{f"{order}email__iexact": word})
        words &= one
    return whole | words
