"""Accounts: registering, logging in, claiming an order, a new password."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.accounts import claims, email_change, limits, services, tokens
from billing_site.accounts.authentication import EVERYONE, Caller, Customer, buyer_address
from billing_site.accounts.limits import Rule
from billing_site.accounts.models import Person
from billing_site.accounts.serializers import (
    ClaimedShape,
    ClaimRequest,
    EmailChangeRequest,
    ForgotRequest,
    LoggedInShape,
    LoginRequest,
    PersonShape,
    RegisterRequest,
    ResetRequest,
    TokenRequest,
)
from billing_site.tickets.serializers import ErrorShape
from middleware_worker.contract.drf import ApiError, ServiceAuthentication


class AccountView(APIView):
    """No person is needed; a program's credential, when there is one, must be good."""

    authentication_classes: list[Any] = [ServiceAuthentication]

    def given(self, shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
        """What was sent, checked against the shape; 400 with the fields that are wrong."""
        asked = shape(data=request.data)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, limits.TooMany):
            refusal = ApiError(429, "throttled", _("Demasiados intentos, espere un momento"), wait=exc.wait)
            response = super().handle_exception(refusal)
            response["Retry-After"] = str(exc.wait)
            return response
        if isinstance(exc, services.WeakPassword):
            exc = ApiError(400, "weak_password", str(exc), fields={"password": exc.sentences})
        return super().handle_exception(exc)


class RegisterView(AccountView):
    @extend_schema(request=RegisterRequest, responses={202: ErrorShape, 400: ErrorShape, 429: ErrorShape})
    def post(self, request: Request) -> Response:
        """Sends a mail whose link opens the account. The answer does not tell whether there is one already."""
        given = self.given(RegisterRequest, request)
        _count_mail(request, given["email"])
        services.register(
            rut=given["rut"],
            full_name=given["full_name"],
            email=given["email"],
            password=given["password"],
            code=given.get("code") or "",
            by=Caller.of(request).by,
        )
        return Response({"code": "mail_sent", "message": _("Le enviamos un correo para confirmar")}, status=202)


class ConfirmView(AccountView):
    @extend_schema(request=TokenRequest, responses={200: LoggedInShape, 400: ErrorShape, 409: ErrorShape})
    def post(self, request: Request) -> Response:
        """Opens the account that the mailed link is for."""
        given = self.given(TokenRequest, request)
        try:
            person = services.confirm(token=given["token"], by="mailed-link")
        except services.LinkUsedOrOld as error:
            raise _old_link() from error
        except services.RutTaken as error:
            sentence = _("Este RUT ya tiene una cuenta. Muestre su cédula en boletería para recuperarla")
            raise ApiError(409, "rut_taken", sentence) from error
        except services.EmailTaken as error:
            raise ApiError(409, "email_taken", _("Este correo ya tiene una cuenta")) from error
        return _logged_in(person)


class LoginView(AccountView):
    @extend_schema(request=LoginRequest, responses={200: LoggedInShape, 401: ErrorShape, 429: ErrorShape})
    def post(self, request: Request) -> Response:
        """A bearer token, good for twelve hours or until the password changes."""
        given = self.given(LoginRequest, request)
        try:
            person = services.log_in(
                rut=given.get("rut"),
                email=given.get("email", ""),
                password=given["password"],
                address=buyer_address(request),
            )
        except services.WrongCredentials as error:
            raise ApiError(401, "wrong_credentials", _("RUT, correo o contraseña incorrectos")) from error
        return _logged_in(person)


class MeView(AccountView):
    authentication_classes = EVERYONE
    permission_classes = [Customer]

    @extend_schema(responses={200: PersonShape, 401: ErrorShape})
    def get(self, request: Request) -> Response:
        """The person of the token."""
        return Response(PersonShape(Caller.of(request).customer).data)


class EmailChangeView(AccountView):
    authentication_classes = EVERYONE
    permission_classes = [Customer]

    @extend_schema(request=EmailChangeRequest, responses={202: ErrorShape, 400: ErrorShape, 429: ErrorShape})
    def post(self, request: Request) -> Response:
        """Sends the new address a link; nothing changes before it is followed."""
        given = self.given(EmailChangeRequest, request)
        caller = Caller.of(request)
        assert caller.customer is not None  # noqa: S101 (the permission)
        _count_mail(request, given["email"])
        try:
            email_change.ask(
                person=caller.customer,
                email=given["email"],
                password=given["password"],
                address=buyer_address(request),
                by=caller.by,
            )
        except email_change.SameAddress as error:
            sentence = _("Este ya es su correo")
            raise ApiError(400, "same_address", sentence, fields={"email": [sentence]}) from error
        except services.WrongCredentials as error:
            sentence = _("La contraseña no es correcta")
            raise ApiError(400, "wrong_password", sentence, fields={"password": [sentence]}) from error
        return Response({"code": "mail_sent", "message": _("Le enviamos un correo para confirmar")}, status=202)


class EmailConfirmView(AccountView):
    @extend_schema(request=TokenRequest, responses={200: PersonShape, 400: ErrorShape, 409: ErrorShape})
    def post(self, request: Request) -> Response:
        """Takes the address that the mailed link was sent to; the old one is told."""
        given = self.given(TokenRequest, request)
        try:
            person = email_change.confirm(token=given["token"], by="mailed-link")
        except services.LinkUsedOrOld as error:
            raise _old_link() from error
        except services.EmailTaken as error:
            raise ApiError(409, "email_taken", _("Este correo ya tiene una cuenta")) from error
        return Response(PersonShape(person).data)


class ClaimsView(AccountView):
    authentication_classes = EVERYONE
    permission_classes = [Customer]

    @extend_schema(request=ClaimRequest, responses={200: ClaimedShape, 404: ErrorShape, 429: ErrorShape})
    def post(self, request: Request) -> Response:
        """Links the one order that the code proves; 404 unless it names the RUT of the token."""
        given = self.given(ClaimRequest, request)
        caller = Caller.of(request)
        person = caller.customer
        assert person is not None  # noqa: S101 (the permission)
        rules = (
            Rule("claim-person", str(person.rut), limits.CLAIM_PERSON),
            Rule("claim-address", buyer_address(request), limits.CLAIM_ADDRESS),
        )
        limits.check(*rules)
        try:
            order = claims.claim(person=person, code=given["code"], by=caller.by)
        except claims.NoSuchOrder as error:
            limits.count(*rules)
            raise ApiError(404, "not_found", _("No hay una orden con ese código para su RUT")) from error
        person.refresh_from_db()
        linked = list(order.tickets.order_by("id").values_list("external_id", flat=True))
        return Response({"linked": linked, "verified": person.verified_at is not None})


class ForgotView(AccountView):
    @extend_schema(request=ForgotRequest, responses={202: ErrorShape, 429: ErrorShape})
    def post(self, request: Request) -> Response:
        """Sends a link to choose a new password, if the address has an account; the answer is the same if not."""
        given = self.given(ForgotRequest, request)
        _count_mail(request, given["email"])
        services.forgot_password(email=given["email"])
        return Response({"code": "mail_sent", "message": _("Si hay una cuenta, le enviamos un correo")}, status=202)


class ResetView(AccountView):
    @extend_schema(request=ResetRequest, responses={200: LoggedInShape, 400: ErrorShape})
    def post(self, request: Request) -> Response:
        """Sets the new password; every token from before has ended."""
        given = self.given(ResetRequest, request)
        try:
            person = services.reset_password(token=given["token"], password=given["password"], by="mailed-link")
        except services.LinkUsedOrOld as error:
            raise _old_link() from error
        return _logged_in(person)


def _logged_in(person: Person) -> Response:
    return Response({"token": tokens.issue(person), "person": PersonShape(person).data})


def _old_link() -> ApiError:
    return ApiError(400, "link_used_or_old", _("El enlace ya se usó o venció; pida uno nuevo"))


def _count_mail(request: Request, recipient: str) -> None:
    limits.count_or_refuse(
        Rule("mail-address", buyer_address(request), limits.MAIL_ADDRESS),
        Rule("mail-recipient", services.normal_email(recipient), limits.MAIL_RECIPIENT),
    )
