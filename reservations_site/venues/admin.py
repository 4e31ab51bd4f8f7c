"""Venues, and the form that makes their plan."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from reservations_site.reservations import audit
from reservations_site.staff import PrimaryAdmin, actor
from reservations_site.venues.forms import CurvedForm, SectionFormSet, initial
from reservations_site.venues.models import PlanSeat, Section, Venue
from reservations_site.venues.pictures import Picture, Spot, draw
from reservations_site.venues.plans import Layout, PlanError, SectionPlan
from reservations_site.venues.services import build_plan


def picture_of_plan(venue: Venue) -> Picture | None:
    """The venue's plan as it is kept."""
    seats = PlanSeat.objects.using("default").filter(section__venue=venue).order_by("id")
    columns = seats.values_list("section__name", "row_rank", "row", "label", "x", "y")
    return draw(Spot(*row) for row in columns)


def picture_of_layout(plans: list[SectionPlan], *, curved: bool) -> Picture | None:
    """A plan that is only being tried out. Raises PlanError."""
    seats = Layout(plans, curved=curved).seats()
    return draw(Spot(plans[s.section].name, s.row_rank, s.row, s.label, s.x, s.y) for s in seats)


@admin.register(Venue)
class VenueAdmin(PrimaryAdmin):
    list_display = ["name", "city", "address", "section_count", "seat_count"]
    search_fields = ["name", "city"]
    fields = ["name", "address", "city"]
    change_form_template = "admin/venues/venue/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {"seat_total": Count("sections__seats"), "section_total": Count("sections", distinct=True)}
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=_("sectores"), ordering="section_total")
    def section_count(self, venue: Any) -> int:
        return int(venue.section_total)

    @admin.display(description=_("asientos"), ordering="seat_total")
    def seat_count(self, venue: Any) -> int:
        return int(venue.seat_total)

    def save_model(self, request: HttpRequest, obj: Any, form: BaseForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        action = "venue_changed" if change else "venue_added"
        audit.record(by=actor(request), action=action, venue=obj.name, fields=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        audit.record(by=actor(request), action="venue_deleted", venue=str(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for venue in queryset:
            self.delete_model(request, venue)

    def get_urls(self) -> list[URLPattern]:
        mine = [path("<int:pk>/plan/", self.admin_site.admin_view(self.plan_view), name="venues_venue_plan")]
        return mine + super().get_urls()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        venue = self.get_object(request, object_id)
        picture = picture_of_plan(venue) if isinstance(venue, Venue) else None
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "picture": picture})

    def plan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows the numbers of the plan; tries new ones out, or keeps them."""
        venue = self.get_queryset(request).filter(pk=pk).first()
        if venue is None:
            raise Http404
        if not self.has_change_permission(request, venue):
            raise PermissionDenied
        sections = list(Section.objects.using("default").filter(venue=venue))
        picture, error = picture_of_plan(venue), ""
        if request.method == "POST":
            formset, curved = SectionFormSet(request.POST), CurvedForm(request.POST)
            if formset.is_valid() and curved.is_valid():
                plans = [plan for plan in (form.plan() for form in formset) if plan is not None]
                try:
                    if "_save" in request.POST:
                        return self._keep(request, venue, plans, curved=curved.cleaned_data["curved"])
                    picture = picture_of_layout(plans, curved=curved.cleaned_data["curved"])
                except PlanError as reason:
                    error = str(reason)
        else:
            formset = SectionFormSet(initial=initial(venue, sections))
            curved = CurvedForm(initial={"curved": venue.curved})
        context = {
            **self.admin_site.each_context(request),
            "title": _("Plano de %s") % venue.name,
            "opts": self.opts,
            "original": venue,
            "formset": formset,
            "curved": curved,
            "picture": picture,
            "error": error,
            "tried": request.method == "POST" and not error,
        }
        return TemplateResponse(request, "admin/venues/venue/plan.html", context)

    def _keep(self, request: HttpRequest, venue: Venue, plans: list[SectionPlan], *, curved: bool) -> HttpResponse:
        build_plan(venue=venue, sections=plans, curved=curved, by=actor(request))
        count = PlanSeat.objects.using("default").filter(section__venue=venue).count()
        text = ngettext("El plano tiene %d asiento", "El plano tiene %d asientos", count) % count
        self.message_user(request, text, messages.SUCCESS)
        return redirect(reverse("admin:venues_venue_change", args=[venue.pk]))
