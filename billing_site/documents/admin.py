from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing_site.desk import ReadOnlyAdmin, badge, may_act
from billing_site.documents import services
from billing_site.documents.mails import subject_of
from billing_site.documents.models import Document, Mail

MAIL_TONES = {"due": "wait", "sending": "wait", "sent": "good", "failed": "bad", "obsolete": "off"}


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdmin):
    list_display = ["ticket", "state", "created_at", "ready_at", "tries", "error", "link"]
    list_filter = [("ready_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ["ticket"]
    search_fields = ["ticket__external_id__exact", "ticket__order__code__exact"]
    search_help_text = _("Boleto o código de orden")
    fields = ["ticket", "created_at", "ready_at", "tries", "next_try_at", "error", "link"]
    readonly_fields = ["link"]
    actions = ["issue_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        # A page of fifty documents is some megabytes of PDF that nobody looks at.
        return super().get_queryset(request).defer("pdf")

    @admin.display(description=_("estado"))
    def state(self, document: Document) -> SafeString:
        if document.ready_at:
            return badge(_("listo"), "good")
        return badge(_("falló"), "bad") if document.error else badge(_("en preparación"), "wait")

    @admin.display(description=_("PDF"))
    def link(self, document: Document) -> Any:
        if not document.ready_at:
            return "—"
        url = reverse("admin:tickets_ticket_pdf", args=[document.ticket_id])
        return format_html('<a href="{}">{}</a>', url, _("Ver el PDF"))

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "documents.change_document")

    @admin.action(description=_("Preparar ahora los que faltan"), permissions=["repair"])
    def issue_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        count = sum(services.issue_again(document=document, by=str(request.user)) for document in queryset)
        text = ngettext("%d documento se prepara ahora", "%d documentos se preparan ahora", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "subject", "to", "order", "state", "tries", "sent_at", "error"]
    list_filter = ["status", "created_at"]
    list_select_related = ["order"]
    search_fields = ["to__exact", "order__code__exact"]
    search_help_text = _("Correo o código de orden")
    # Without the context: the links in it open accounts.
    fields = ["subject", "to", "order", "person", "status", "tries", "created_at", "next_try_at", "sent_at", "error"]
    readonly_fields = ["subject"]
    actions = ["send_again"]

    @admin.display(description=_("asunto"), ordering="kind")
    def subject(self, mail: Mail) -> str:
        return subject_of(mail)

    @admin.display(description=_("estado"), ordering="status")
    def state(self, mail: Mail) -> SafeString:
        return badge(mail.get_status_display(), MAIL_TONES[mail.status])

    def has_repair_permission(self, request: HttpRequest) -> bool:
        return may_act(request, "documents.change_mail")

    @admin.action(description=_("Enviar otra vez"), permissions=["repair"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Mail]) -> None:
        count = sum(services.send_copy(mail=mail, by=str(request.user)) for mail in queryset)
        text = ngettext("%d correo se envía otra vez", "%d correos se envían otra vez", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        again = path("<int:id>/again/", self.admin_site.admin_view(self.again), name="documents_mail_again")
        return [again, *super().get_urls()]

    def again(self, request: HttpRequest, id: int) -> HttpResponse:
        """The button beside a mail on its order's page."""
        if not self.has_repair_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        mail = get_object_or_404(Mail.objects.exclude(order=None), pk=id)
        if services.send_copy(mail=mail, by=str(request.user)):
            messages.success(request, _("El correo se envía otra vez."))
        else:
            messages.warning(request, _("Ese correo no se puede enviar otra vez."))
        return HttpResponseRedirect(reverse("admin:tickets_order_change", args=[mail.order_id]))
