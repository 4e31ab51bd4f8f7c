"""What a buyer types: which seats, who she is, her card."""

import hashlib
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from middleware_worker.contract.rut import InvalidRut, parse_rut

NONCE = re.compile(r"[0-9a-f]{32}")
BOOKING_CODE = re.compile(r"TF[0-9A-Z]{12}")
# Crockford's base32 has no such letters, because people misread them.
MISREAD = str.maketrans("OIL", "011")
# A seat's id is a number of a few digits; a longer one is nobody's.
SEAT_ID = re.compile(r"\d{1,18}")


def new_nonce() -> str:
    """What makes one display of a form different from the next; its submissions are one and the same."""
    return uuid.uuid4().hex


def nonce_of(data: QueryDict) -> str:
    """The nonce a form was shown with; a new one when it is missing or was tampered with."""
    nonce = data.get("nonce", "")
    return nonce if NONCE.fullmatch(nonce) else new_nonce()


def as_stored(typed: str) -> str:
    """A booking code however it was typed; the id of an outside ticket, compared byte by byte, stays as it is."""
    compact = re.sub(r"[\s\-‐–]", "", typed).upper()
    if not BOOKING_CODE.fullmatch(compact):
        return typed.strip()
    letters = compact[2:].translate(MISREAD)
    return f"TF-{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def focus_first_error(form: forms.Form) -> None:
    """The page opens at the first field that is wrong, also on a telephone and without JavaScript."""
    for name in form.fields:
        if name in form.errors:
            form.fields[name].widget.attrs["autofocus"] = True
            return


class RutField(forms.CharField):
    """A RUT with its check digit, dots and dash or not; cleans to the number."""

    default_error_messages = {
        "required": gettext_lazy("Escribe tu RUT."),
        "invalid": gettext_lazy(
            "Este RUT no es válido: revisa el número y el dígito verificador (por ejemplo, 12.345.678-5)."
        ),
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", gettext_lazy("RUT"))
        kwargs.setdefault("max_length", 20)
        super().__init__(**kwargs)
        self.widget.attrs.update({"autocomplete": "off", "placeholder": "12.345.678-5", "autocapitalize": "characters"})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_rut(text)
        except InvalidRut:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class BuyerForm(forms.Form):
    use_required_attribute = True

    rut = RutField()
    name = forms.CharField(
        label=gettext_lazy("Nombre y apellido"),
        max_length=120,
        error_messages={"required": gettext_lazy("Escribe tu nombre.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=gettext_lazy("Correo electrónico"),
        help_text=gettext_lazy("Ahí te mandamos los boletos."),
        error_messages={
            "required": gettext_lazy("Escribe tu correo: ahí llegan los boletos."),
            "invalid": gettext_lazy("Este correo no parece completo (por ejemplo, nombre@correo.cl)."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )


@dataclass(frozen=True)
class Choice:
    """The seats a buyer wants: named ones, or how many of the best."""

    how: str = "map"
    seats: tuple[int, ...] = ()
    quantity: int = 2
    section: int | None = None
    nonce: str = ""
    # Without JavaScript: the section whose seats are shown next, of a house too large to show at once.
    show: int | None = None

    @classmethod
    def from_query(cls, data: QueryDict) -> "Choice":
        """What a link to the page already chose, `?seat=12`; the nonce is new."""
        return replace(cls.from_post(data), nonce="")

    @classmethod
    def from_post(cls, data: QueryDict) -> "Choice":
        # `instead` is a button: the whole choice with other seats in the place of those that were lost.
        asked = data.get("instead", "").split() if "instead" in data else data.getlist("seat")
        seats = {int(text) for text in asked if SEAT_ID.fullmatch(text)}
        quantity, section = data.get("quantity", ""), data.get("section", "")
        return cls(
            how="best" if data.get("how") == "best" else "map",
            seats=tuple(sorted(seats)),
            quantity=int(quantity) if re.fullmatch(r"\d{1,3}", quantity) else 2,
            section=int(section) if SEAT_ID.fullmatch(section) else None,
            nonce=nonce_of(data),
            show=int(show) if SEAT_ID.fullmatch(show := data.get("show", "")) else None,
        )

    def problem(self, *, limit: int) -> str:
        """Why this choice cannot be asked for, or nothing."""
        if self.how == "best":
            fits = 1 <= self.quantity <= limit
            return "" if fits else _("Puedes pedir de 1 a %(limit)d asientos.") % {"limit": limit}
        if not self.seats:
            return _("Elige al menos un asiento en el plano.")
        if len(self.seats) > limit:
            return _("Puedes elegir hasta %(limit)d asientos por compra.") % {"limit": limit}
        return ""

    def without(self, lost: Collection[int]) -> "Choice":
        """The choice without the seats that others took."""
        return replace(self, seats=tuple(seat for seat in self.seats if seat not in lost))

    def key(self, rut: int, turn: int) -> str:
        """The Idempotency-Key: the same for the same form with the same content, however often it is sent."""
        wanted = f"best {self.quantity} {self.section}" if self.how == "best" else f"seats {self.seats}"
        return hashlib.sha256(f"{self.nonce}|{wanted}|{rut}|{turn}".encode()).hexdigest()


class NotShownAgain(forms.PasswordInput):
    """A text field whose content never comes back in a page."""

    input_type = "text"


class CardForm(forms.Form):
    """A card. Nothing of it is kept: it goes to billing and is forgotten."""

    card_number = forms.CharField(
        label=gettext_lazy("Número de tarjeta"),
        max_length=30,
        error_messages={"required": gettext_lazy("Escribe el número de la tarjeta.")},
        widget=NotShownAgain(
            attrs={"autocomplete": "cc-number", "inputmode": "numeric", "placeholder": "0000 0000 0000 0000"}
        ),
    )
    card_expiry = forms.CharField(
        label=gettext_lazy("Vence (MM/AA)"),
        max_length=9,
        error_messages={"required": gettext_lazy("Escribe el mes y el año, como 08/29.")},
        widget=forms.TextInput(attrs={"autocomplete": "cc-exp", "inputmode": "numeric", "placeholder": "MM/AA"}),
    )
    card_cvv = forms.CharField(
        label=gettext_lazy("CVV"),
        max_length=4,
        error_messages={"required": gettext_lazy("Escribe los 3 o 4 dígitos del reverso.")},
        widget=NotShownAgain(attrs={"autocomplete": "cc-csc", "inputmode": "numeric", "placeholder": "123"}),
    )

    def clean_card_number(self) -> str:
        number = re.sub(r"[\s-]", "", self.cleaned_data["card_number"])
        if not re.fullmatch(r"\d{13,19}", number) or not number.isascii():
            raise forms.ValidationError(_("El número de la tarjeta tiene entre 13 y 19 dígitos."))
        return number

    def clean_card_expiry(self) -> str:
        found = re.fullmatch(r"(\d{1,2})\s*[/-]?\s*(?:20)?(\d{2})", self.cleaned_data["card_expiry"].strip(), re.ASCII)
        month, year = (int(found[1]), 2000 + int(found[2])) if found else (0, 0)
        if not 1 <= month <= 12:
            raise forms.ValidationError(_("Escribe el mes y el año, como 08/29."))
        today = timezone.localdate()
        if (year, month) < (today.year, today.month):
            raise forms.ValidationError(_("Esta tarjeta ya venció."))
        return f"{month:02d}/{year % 100:02d}"

    def clean_card_cvv(self) -> str:
        cvv = self.cleaned_data["card_cvv"].strip()
        if not re.fullmatch(r"\d{3,4}", cvv, re.ASCII):
            raise forms.ValidationError(_("Son 3 o 4 dígitos."))
        return cvv


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("¿Por qué? (opcional)"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class CodeForm(forms.Form):
    """A booking code, typed from a mail or a printed ticket."""

    code = forms.CharField(
        label=gettext_lazy("Código de reserva"),
        max_length=128,
        error_messages={"required": gettext_lazy("Escribe el código, por ejemplo TF-7K2M-9QXA-4D1B.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "placeholder": "TF-XXXX-XXXX-XXXX", "autocapitalize": "characters"}
        ),
    )

    def clean_code(self) -> str:
        code = self.cleaned_data["code"].strip()
        if not code.isprintable():
            raise forms.ValidationError(_("Este código no es válido."))
        return as_stored(code)
