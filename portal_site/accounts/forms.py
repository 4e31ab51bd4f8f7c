"""What a person types about herself."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from middleware_worker.contract.rut import InvalidRut, parse_rut
from portal_site.checkout.forms import CodeForm, RutField

MIN_PASSWORD = 8


def _new_password() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Contraseña"),
        min_length=MIN_PASSWORD,
        max_length=128,
        strip=False,
        help_text=gettext_lazy("Al menos 8 caracteres."),
        error_messages={
            "required": gettext_lazy("Elige una contraseña."),
            "min_length": gettext_lazy("Tu contraseña debe tener al menos 8 caracteres."),
        },
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _email() -> forms.EmailField:
    return forms.EmailField(
        label=gettext_lazy("Correo electrónico"),
        error_messages={
            "required": gettext_lazy("Escribe tu correo."),
            "invalid": gettext_lazy("Este correo no parece completo (por ejemplo, nombre@correo.cl)."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


class RegisterForm(forms.Form):
    rut = RutField()
    full_name = forms.CharField(
        label=gettext_lazy("Nombre y apellido"),
        max_length=200,
        error_messages={"required": gettext_lazy("Escribe tu nombre.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = _email()
    password = _new_password()
    code = forms.CharField(
        label=gettext_lazy("Código de reserva (opcional)"),
        required=False,
        max_length=128,
        help_text=gettext_lazy("Si ya compraste, con el código tus boletos quedan en tu cuenta."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "TF-XXXX-XXXX-XXXX"}),
    )


class LoginForm(forms.Form):
    who = forms.CharField(
        label=gettext_lazy("RUT o correo"),
        max_length=254,
        error_messages={"required": gettext_lazy("Escribe tu RUT o tu correo.")},
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Contraseña"),
        max_length=128,
        strip=False,
        error_messages={"required": gettext_lazy("Escribe tu contraseña.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def clean_who(self) -> dict[str, Any]:
        """{"email": …} or {"rut": …}, as billing's login takes it."""
        text = self.cleaned_data["who"].strip()
        if "@" in text:
            return {"email": text}
        try:
            return {"rut": parse_rut(text)}
        except InvalidRut:
            raise forms.ValidationError(
                _("Escribe tu correo completo o tu RUT con dígito verificador (por ejemplo, 12.345.678-5).")
            ) from None


class EmailChangeForm(forms.Form):
    email = _email()
    password = forms.CharField(
        label=gettext_lazy("Tu contraseña"),
        max_length=128,
        strip=False,
        error_messages={"required": gettext_lazy("Escribe tu contraseña.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = gettext_lazy("Correo nuevo")


class ForgotForm(forms.Form):
    email = _email()


class NewPasswordForm(forms.Form):
    password = _new_password()


class ClaimForm(CodeForm):
    code = forms.CharField(
        label=gettext_lazy("Código de reserva o número del boleto"),
        max_length=128,
        error_messages={"required": gettext_lazy("Escribe el código.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "TF-XXXX-XXXX-XXXX"}),
    )
