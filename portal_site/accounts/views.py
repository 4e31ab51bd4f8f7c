"""Registration, login, passwords, claims and a person's own tickets."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal_site.accounts import session
from portal_site.accounts.forms import ClaimForm, ForgotForm, LoginForm, NewPasswordForm, RegisterForm
from portal_site.checkout.forms import focus_first_error, new_nonce, nonce_of
from portal_site.checkout.ticket_cards import TicketCard
from portal_site.clients.billing import billing
from portal_site.clients.calls import Refused, SignedOut, Unavailable, Visitor
from portal_site.pages import message_page, too_many

shown_and_sent = require_http_methods(["GET", "HEAD", "POST"])


def form_page(
    request: HttpRequest, template: str, form: forms.Form, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the account with its form, and the first error in focus."""
    if form.errors and status == 200:
        status = 400
    if form.is_bound:
        focus_first_error(form)
    context |= {"form": form, "nonce": nonce_of(request.POST) if request.method == "POST" else new_nonce()}
    return render(request, f"portal/accounts/{template}.html", context, status=status)


def say(form: forms.Form, refused: Refused) -> None:
    """Puts billing's refusal beside the field it is about, or above the form."""
    fields = refused.fields.get("fields")
    said = False
    for name, errors in fields.items() if isinstance(fields, dict) else ():
        if name in form.fields:
            sentences = errors if isinstance(errors, list) else [errors]
            form.add_error(name, " ".join(str(sentence) for sentence in sentences))
            said = True
    if not said:
        form.add_error(None, refused.error or _("No se pudo hacer. Revisa los datos."))


def say_unavailable(form: forms.Form) -> None:
    """Says above the form that nobody answered."""
    form.add_error(None, _("No pudimos hacerlo en este momento. Inténtalo de nuevo en un rato."))


@never_cache
@sensitive_post_parameters("password")
@shown_and_sent
def register(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        codes = session.orders_of_this_browser(request)
        initial = {"code": request.GET.get("code") or (codes[0] if codes else "")}
        return form_page(request, "register", RegisterForm(initial=initial))
    form = RegisterForm(request.POST)
    if not form.is_valid():
        return form_page(request, "register", form)
    person = {name: value for name, value in form.cleaned_data.items() if value}
    try:
        billing().register(person=person, key=nonce_of(request.POST), visitor=Visitor.of(request))
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        say(form, refused)
        return form_page(request, "register", form, status=400)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "register", form, status=503)
    return message_page(
        request,
        status=202,
        title=_("Revisa tu correo"),
        text=_(
            "Te mandamos un enlace para confirmar tu cuenta. Si no llega en unos minutos, mira en el correo no deseado."
        ),
    )


@never_cache
@shown_and_sent
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """A button, because programs that check mails open every link in them."""
    if request.method != "POST":
        return render(request, "portal/accounts/confirm.html", {"token": token})
    try:
        found = billing().confirm(token=token, visitor=Visitor.of(request))
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        if refused.status == 409:
            return message_page(request, status=409, title=_("No se pudo abrir la cuenta"), text=refused.error)
        return message_page(
            request,
            status=400,
            title=_("Este enlace ya no sirve"),
            text=_("Puede que ya lo hayas usado o que haya vencido. Prueba a entrar o regístrate de nuevo."),
        )
    session.log_in(request, found)
    messages.success(request, _("Tu cuenta quedó confirmada."))
    return redirect("my_tickets")


@never_cache
@sensitive_post_parameters("password")
@shown_and_sent
def login(request: HttpRequest) -> HttpResponse:
    target = session.safe_next(request)
    if request.method != "POST":
        if session.person_of(request):
            return redirect(target)
        return form_page(request, "login", LoginForm(), next=target)
    form = LoginForm(request.POST)
    if not form.is_valid():
        return form_page(request, "login", form, next=target)
    try:
        found = billing().login(
            who=form.cleaned_data["who"], password=form.cleaned_data["password"], visitor=Visitor.of(request)
        )
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        # One sentence for every reason: who has an account is nobody's business.
        form.add_error(None, _("No encontramos una cuenta con esos datos. Revisa el RUT o correo y la contraseña."))
        return form_page(request, "login", form, status=400, next=target)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "login", form, status=503, next=target)
    session.log_in(request, found)
    return redirect(target)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    session.log_out(request)
    response = redirect("events")
    # The tickets that this browser keeps for when there is no network go as well.
    response["Clear-Site-Data"] = '"storage"'
    return response


@never_cache
@shown_and_sent
def forgot_password(request: HttpRequest) -> HttpResponse:
    form = ForgotForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "forgot", form)
    try:
        billing().forgot_password(
            email=form.cleaned_data["email"], key=nonce_of(request.POST), visitor=Visitor.of(request)
        )
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        say(form, refused)
        return form_page(request, "forgot", form, status=400)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "forgot", form, status=503)
    return message_page(
        request,
        status=202,
        title=_("Revisa tu correo"),
        text=_("Si hay una cuenta con ese correo, te mandamos un enlace para elegir una contraseña nueva."),
    )


@never_cache
@sensitive_post_parameters("password")
@shown_and_sent
def reset_password(request: HttpRequest, token: str) -> HttpResponse:
    form = NewPasswordForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "reset", form)
    try:
        billing().reset_password(
            token=token,
            password=form.cleaned_data["password"],
            key=nonce_of(request.POST),
            visitor=Visitor.of(request),
        )
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        say(form, refused)
        return form_page(request, "reset", form, status=400)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "reset", form, status=503)
    session.log_out(request)
    messages.success(request, _("Tu contraseña quedó cambiada. Ya puedes entrar."))
    return redirect("login")


@never_cache
@shown_and_sent
def claim(request: HttpRequest) -> HttpResponse:
    """Brings tickets that were bought elsewhere into the account, proved by their code."""
    if session.person_of(request) is None:
        return redirect(session.login_address(request))
    form = ClaimForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return form_page(request, "claim", form)
    try:
        claimed = billing().claim(
            code=form.cleaned_data["code"], key=nonce_of(request.POST), visitor=Visitor.as_person(request)
        )
    except SignedOut:
        raise
    except Refused as refused:
        if refused.status == 429:
            return too_many(request)
        form.add_error("code", _("No encontramos boletos tuyos con este código. Revisa que esté bien escrito."))
        return form_page(request, "claim", form, status=400)
    except Unavailable:
        say_unavailable(form)
        return form_page(request, "claim", form, status=503)
    if claimed.linked:
        messages.success(request, _("Agregamos los boletos a tu cuenta."))
    else:
        messages.info(request, _("Estos boletos ya estaban en tu cuenta."))
    return redirect("my_tickets")


@never_cache
@require_safe
def my_tickets(request: HttpRequest) -> HttpResponse:
    """The person's tickets; for somebody not logged in the orders that this browser made."""
    tickets: list[TicketCard] | None = None
    if session.person_of(request):
        try:
            tickets = [TicketCard(ticket) for ticket in billing().tickets(Visitor.as_person(request))]
        except Unavailable:
            tickets = None
    context = {
        "tickets": tickets,
        "live": [card for card in tickets or () if card.live],
        "past": [card for card in tickets or () if not card.live],
        "orders": session.orders_of_this_browser(request),
        "moving": any(card.ticket.changes_soon for card in tickets or ()),
        "version": "|".join(card.ticket.version for card in tickets or ()),
    }
    silent = tickets is None and session.person_of(request) is not None
    return render(request, "portal/my_tickets.html", context | {"silent": silent}, status=503 if silent else 200)
