"""The staff's log-in, limited."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.utils.translation import ngettext
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from reservations_site.logins import limits
from reservations_site.logins.devices import known_device


class StaffLoginForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        user = self.cleaned_data.get("username")
        if not user or not self.cleaned_data.get("password") or self.request is None:
            return dict(super().clean())
        # Of X-Forwarded-For only the entries of our own proxies are believed (NUM_PROXIES).
        address = BaseThrottle().get_ident(Request(self.request))
        rules = limits.rules(user=user, address=address, device=known_device(self.request, user))
        try:
            limits.count(rules)
        except limits.TooMany as reached:
            minutes = -(-reached.wait // 60)
            text = ngettext("Demasiados intentos: espere %d minuto", "Demasiados intentos: espere %d minutos", minutes)
            raise forms.ValidationError(text % minutes, code="throttled") from None
        cleaned = dict(super().clean())
        limits.forget(rules[0])
        return cleaned
