from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing_site.accounts import services, staff
from billing_site.accounts.models import Person
from billing_site.accounts.rut_search import ruts_meant
from billing_site.desk import may_act
from billing_site.documents import wording
from billing_site.tickets.history import action_label
from billing_site.tickets.models import AuditEntry, Ticket


class HandOverForm(forms.Form):
    email = forms.EmailField(label=_("Correo de quien mostró la cédula"))


@admin.register(Person)
class PersonAdmin(UserAdmin):
    """Customers to look at and verify; staff, whom only superusers add and change."""

    form = staff.StaffForm
    add_form = staff.NewStaffForm
    list_display = ["shown_rut", "full_name", "email", "kind", "verified", "is_staff"]
    list_display_links = ["shown_rut", "full_name"]
    list_filter = [
        "is_staff",
        ("registered_at", admin.EmptyFieldListFilter),
        ("verified_at", admin.EmptyFieldListFilter),
        "groups",
    ]
    search_fields = ["full_name"]
    search_help_text = _("RUT en cualquier formato, nombre o correo")
    ordering = ["-created_at"]
    filter_horizontal = ["groups"]
    show_full_result_count = False
    list_per_page = 50
    actions = ["verify"]
    change_form_template = "admin/accounts/person.html"
    readonly_fields = ["created_at", "registered_at", "email_confirmed_at", "verified_at", "verified_by", "last_login"]
    fieldsets = [
        (None, {"fields": ["full_name", "email"]}),
        (_("Acceso del equipo"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (
            _("Historia"),
            {
                "fields": [
                    "created_at",
                    "registered_at",
                    "email_confirmed_at",
                    "verified_at",
                    "verified_by",
                    "last_login",
                ]
            },
        ),
    ]
    add_fieldsets = [(None, {"fields": ["typed_rut", "full_name", "email", "password1", "password2", "groups"]})]

    @admin.display(description=_("RUT"), ordering="rut")
    def shown_rut(self, person: Person) -> SafeString:
        return format_html('<span class="nowrap">{}</span>', person.rut_display)

    @admin.display(description=_("cuenta"), ordering="registered_at")
    def kind(self, person: Person) -> str:
        return str(_("sin registrar") if person.is_placeholder else _("registrada"))

    @admin.display(description=_("identidad"), boolean=True, ordering="verified_at")
    def verified(self, person: Person) -> bool:
        return person.verified_at is not None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Person], search_term: str
    ) -> tuple[QuerySet[Person], bool]:
        if ruts := ruts_meant(search_term):
            return queryset.filter(rut__in=ruts), False
        words = Q()
        for word in search_term.split():
            words &= Q(full_name__icontains=word) | Q(email__istartswith=word)
        return queryset.filter(words), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        # Whoever writes roles or passwords of staff can become anybody.
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False

    def has_verify_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "accounts.verify_person")

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        changed = [name for name in form.changed_data if not name.startswith("password")]
        staff.save_person(person=obj, changed=changed, by=str(request.user))

    @admin.action(description=_("Verificar la identidad: mostró su cédula"), permissions=["verify"])
    def verify(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        people = list(queryset)
        for person in people:
            services.verify_person(person=person, by=str(request.user))
        count = len(people)
        self.message_user(request, ngettext("%d persona verificada", "%d personas verificadas", count) % count)

    def get_urls(self) -> list[URLPattern]:
        identity = path(
            "<int:rut>/identity/", self.admin_site.admin_view(self.identity), name="accounts_person_identity"
        )
        return [identity, *super().get_urls()]

    def identity(self, request: HttpRequest, rut: int) -> HttpResponse:
        """Somebody shows an identity card: verifies the person, or hands an account over that another one opened."""
        if not self.has_verify_permission(request):
            raise PermissionDenied
        person = Person.objects.filter(rut=rut).first()
        if person is None:
            raise Http404
        back = HttpResponseRedirect(reverse("admin:accounts_person_change", args=[rut]))
        handing_over = "hand_over" in request.POST
        form = HandOverForm(request.POST if handing_over else None)
        if request.method == "POST" and not handing_over:
            services.verify_person(person=person, by=str(request.user))
            messages.success(request, _("Identidad verificada: desde ahora ve todos los boletos de su RUT."))
            return back
        if handing_over and person.is_staff:
            raise PermissionDenied
        if handing_over and form.is_valid():
            try:
                services.hand_over(person=person, email=form.cleaned_data["email"], by=str(request.user))
            except services.EmailTaken:
                form.add_error("email", _("Otra persona usa este correo."))
            else:
                messages.success(request, _("Cuenta entregada: enviamos un enlace para elegir la contraseña."))
                return back
        context = {
            **self.admin_site.each_context(request),
            "title": _("Mostró su cédula"),
            "person": person,
            "form": form,
            "opts": Person._meta,
        }
        return TemplateResponse(request, "admin/accounts/identity.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        person = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if person is not None:
            orders = person.orders.annotate(n=Count("tickets")).order_by("-created_at")[:50]
            story = AuditEntry.objects.filter(person=person).order_by("-at", "-id")[:50]
            context = {
                "person": person,
                "title": person.full_name or person.rut_display,
                "orders": orders,
                "spent": wording.pesos(_spent(person)),
                "story": [(entry, action_label(entry.action)) for entry in story],
                "can_verify": self.has_verify_permission(request),
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


def _spent(person: Person) -> int:
    live = Ticket.objects.filter(person=person, status__in=[Ticket.Status.PAID, Ticket.Status.USED])
    return sum(int(price) for price in live.values_list("price", flat=True))
