"""The account itself: whose it is, and a new address for it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from portal_site.accounts import session
from portal_site.accounts.forms import EmailChangeForm
from portal_site.accounts.views import form_page, say, say_unavailable, shown_and_sent
from portal_site.checkout.forms import nonce_of
from portal_site.clients.billing import billing
from portal_site.clients.calls import Refused, SignedOut, Unavailable, Visitor
from portal_site.pages import message_page, too_many


@never_cache
@sensitive_post_parameters("password")
@shown_and_sent
def account(request: HttpRequest) -> HttpResponse:
    """Who one is; asks for a new address, which a mailed link confirms."""
    if session.person_of(request) is None:
        return redirect(session.login_address(request))
    form = EmailChangeForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "account", form)
    try:
        billing().change_email(
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"],
            key=nonce_of(request.POST),
            visitor=Visitor.as_person(request),
        )
    except SignedOut:
        raise
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        say(form, refused)
        return form_page(request, "account", form, status=400)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "account", form, status=503)
    return message_page(
        request,
        status=202,
        title=_("Revisa tu nuevo correo"),
        text=_("Te mandamos un enlace a %(email)s. Mientras no lo abras, tu cuenta sigue con el correo de antes.")
        % {"email": form.cleaned_data["email"]},
    )


@never_cache
@shown_and_sent
def confirm_email(request: HttpRequest, token: str) -> HttpResponse:
    """A button, because programs that check mails open every link in them."""
    if request.method != "POST":
        return render(request, "portal/accounts/confirm_email.html")
    try:
        person = billing().confirm_email(token=token, visitor=Visitor.of(request))
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        if refused.status == 409:
            return message_page(request, status=409, title=_("No se pudo cambiar el correo"), text=refused.error)
        text = _("Puede que ya lo hayas usado o que haya vencido. Pide el cambio de nuevo en tu cuenta.")
        return message_page(request, status=400, title=_("Este enlace ya no sirve"), text=text)
    known = session.person_of(request)
    if known and known["rut"] == person.rut:
        request.session["person"] = person.model_dump(mode="json")
    messages.success(request, _("Tu cuenta usa ahora el correo %(email)s.") % {"email": person.email})
    return redirect("account")
