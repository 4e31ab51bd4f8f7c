"""The staff's log-in: by RUT as people write it, with the same limits as a customer's."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.utils.translation import gettext_lazy as _

from billing_site.accounts import limits
from billing_site.accounts.addresses import address_of
from billing_site.accounts.services import login_rules
from middleware_worker.contract.rut import InvalidRut, parse_rut


class StaffLoginForm(AdminAuthenticationForm):
    """Django's, with a RUT such as 11.111.111-1 or 111111111 for a user name."""

    username = forms.CharField(
        label=_("RUT"), max_length=20, widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"})
    )

    def clean(self) -> dict[str, Any]:
        typed = self.cleaned_data.get("username", "")
        try:
            rut = parse_rut(typed)
        except InvalidRut:
            raise self.get_invalid_login_error() from None
        rules = login_rules(f"rut:{rut}", address_of(self.request) if self.request else "")
        try:
            limits.check(*rules)
        except limits.TooMany:
            raise forms.ValidationError(_("Demasiados intentos, espere un momento"), code="throttled") from None
        self.cleaned_data["username"] = str(rut)
        try:
            cleaned = super().clean()
        except forms.ValidationError:
            limits.count(*rules)
            raise
        finally:
            self.cleaned_data["username"] = typed
        limits.forget(rules[0])
        return dict(cleaned)
