"""Who is calling: a customer, staff, another program, or a program for a customer."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_site.accounts import tokens
from billing_site.accounts.addresses import address_of
from billing_site.accounts.models import Person
from middleware_worker.contract.drf import ServiceAuthentication, ServiceCaller, service_caller

SERVICE_HEADER = "X-Service"
PORTAL = "portal"


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` → request.user is the customer.

    A program that calls for the customer signs the call as well, in `X-Service`; see `Caller`.
    """

    def authenticate(self, request: Request) -> tuple[Person, str] | None:
        scheme, _space, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return tokens.holder(token.strip()), "bearer"
        except tokens.InvalidToken as error:
            raise exceptions.AuthenticationFailed(_("La sesión terminó, ingrese de nuevo")) from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StaffSession(SessionAuthentication):
    """The admin's session, with its CSRF check; of staff only: customers use their token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_active or not user.is_staff:
            return None
        return super().authenticate(request)


# Bearer first: its scheme is what a 401 asks for.
EVERYONE = [BearerAuthentication, ServiceAuthentication, StaffSession]


@dataclass(frozen=True)
class Caller:
    """Exactly one of customer and staff, or neither; and the program that calls, alone or for the customer."""

    customer: Person | None
    staff: Person | None
    service: str | None

    @classmethod
    def of(cls, request: Request) -> "Caller":
        """Raises AuthenticationFailed when a service credential is there and is not good."""
        user = request.user
        if isinstance(user, ServiceCaller):
            return cls(None, None, user.name)
        service = service_caller(request, header=SERVICE_HEADER)
        if isinstance(user, Person):
            return cls(user, None, service) if request.auth == "bearer" else cls(None, user, service)
        return cls(None, None, service)

    @property
    def is_portal(self) -> bool:
        return self.service == PORTAL

    @property
    def by(self) -> str:
        """The actor in audit rows."""
        if self.staff is not None:
            return f"staff:{self.staff.rut}"
        if self.customer is not None:
            return f"customer:{self.customer.rut}"
        return f"service:{self.service}" if self.service else "anonymous"

    def may(self, permission: str) -> bool:
        """Whether staff have been given the permission («app.codename»)."""
        return self.staff is not None and self.staff.has_perm(permission)


class Identified(BasePermission):
    """Anybody who says who they are."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = Caller.of(request)
        return bool(caller.customer or caller.staff or caller.service)


class Customer(BasePermission):
    """A customer with a bearer token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return Caller.of(request).customer is not None


def buyer_address(request: Request) -> str:
    """The address of whoever sits at the browser, also when the portal calls for them."""
    return address_of(request._request, behind_caller=Caller.of(request).is_portal)
