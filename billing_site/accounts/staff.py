"""Staff accounts: who works here and in which role. Only superusers write them, and every change is audited."""

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordMixin
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing_site.accounts.models import Person
from billing_site.tickets import audit
from middleware_worker.contract.rut import InvalidRut, parse_rut


class StaffForm(forms.ModelForm):  # type: ignore[type-arg]
    """A staff member's name, roles and whether they may log in."""

    class Meta:
        model = Person
        fields = ["full_name", "email", "is_active", "is_staff", "is_superuser", "groups"]

    def clean_email(self) -> str | None:
        return (self.cleaned_data["email"] or "").strip().lower() or None


class NewStaffForm(SetPasswordMixin, StaffForm):  # type: ignore[type-arg]
    """A new staff member; a placeholder that already carries the RUT becomes that person."""

    typed_rut = forms.CharField(label=_("RUT"), max_length=20, help_text=_("Con dígito verificador: 12.345.678-5"))
    password1, password2 = SetPasswordMixin.create_password_fields(label1=_("Contraseña"), label2=_("Otra vez"))

    class Meta(StaffForm.Meta):
        fields = ["full_name", "email", "groups"]

    def clean_typed_rut(self) -> int:
        try:
            rut = parse_rut(self.cleaned_data["typed_rut"])
        except InvalidRut:
            raise forms.ValidationError(_("El RUT no es válido")) from None
        if Person.objects.filter(rut=rut).exclude(registered_at=None, is_staff=False).exists():
            raise forms.ValidationError(_("Esta persona ya tiene una cuenta"))
        return rut

    def clean(self) -> dict[str, Any]:
        self.validate_passwords()
        return super().clean() or self.cleaned_data

    def _post_clean(self) -> None:
        rut = self.cleaned_data.get("typed_rut")
        if isinstance(rut, int):
            self.instance = Person.objects.filter(rut=rut).first() or Person(rut=rut)
            self.instance.is_staff = True
        super()._post_clean()  # type: ignore[misc]
        self.validate_password_for_user(self.instance)

    def save(self, commit: bool = True) -> Person:
        self.instance.set_password(self.cleaned_data["password1"])
        return super().save(commit=commit)


@transaction.atomic
def save_person(*, person: Person, changed: list[str], by: str) -> None:
    """Writes what a superuser changed of a person, with its audit row."""
    if person.is_staff and person.registered_at is None:
        person.registered_at = timezone.now()
    if "email" in changed:
        # Nobody has shown yet that the new address is theirs, and an address proves claims.
        person.email_confirmed_at = None
    person.save()
    audit.record("person.changed", by=by, person=person, detail={"fields": changed})
