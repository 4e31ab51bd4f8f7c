"""Webpay Plus by Transbank's SDK: the buyer pays on Webpay's page, and only our commit moves the money.

Webpay knows no idempotency key. A charge is named by its token, which can be captured once, so that after a lost
answer `status` says what became of it. A refund has no name there at all: see `refund`.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from django.utils.crypto import salted_hmac
from transbank.common.integration_type import IntegrationType
from transbank.common.options import WebpayOptions
from transbank.common.request_service import RequestService
from transbank.error.transbank_error import TransbankError
from transbank.webpay.webpay_plus import transaction as sdk
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from billing_site.payments import locks
from billing_site.payments.gateway.base import (
    Card,
    Form,
    GatewayUnreachable,
    LedgerCharge,
    LedgerRefund,
    Outcome,
    Result,
)
from billing_site.payments.models import PaymentAttempt, Refund
from middleware_worker.outbox.transactions import retrying

log = logging.getLogger(__name__)

RETURN_PATH = "/pago/webpay/return"
CONNECT_SECONDS = 2
# Whatever makes an answer none: nothing came, it was no JSON, or it said no.
NO_ANSWER = (requests.RequestException, ValueError, TransbankError)
# A refund whose answer was lost may still be under way: it is sent again after this time, not before.
REFUND_SETTLES_WITHIN = timedelta(minutes=10)
# Refusals that are no verdict on what was asked: wrong credentials, too slow, too often.
NO_VERDICT = {401, 403, 408, 429}


class Options(WebpayOptions):
    """The SDK's options, with an address and a time-out of ours: by itself it waits ten minutes."""

    def __init__(self) -> None:
        super().__init__(settings.WEBPAY_COMMERCE_CODE, settings.WEBPAY_API_KEY, IntegrationType.LIVE)
        # `requests` takes the pair as connect and read.
        self.timeout = (CONNECT_SECONDS, settings.GATEWAY_TIMEOUT_SECONDS)
        self.host = settings.WEBPAY_URL.rstrip("/")


class _Service(RequestService):  # type: ignore[misc]
    @classmethod
    def host(cls, options: Any) -> str:
        """Where to call; the SDK itself knows two addresses and takes no third."""
        return str(options.host)


sdk.RequestService = _Service


class WebpayGateway:
    name = "webpay"

    def __init__(self) -> None:
        if not (settings.WEBPAY_COMMERCE_CODE and settings.WEBPAY_API_KEY):
            raise ImproperlyConfigured("Set BILLING_WEBPAY_COMMERCE_CODE and BILLING_WEBPAY_API_KEY to use Webpay.")

    def charge(self, *, reference: str, amount: int, card: Card, about: str = "") -> Result:
        raise GatewayUnreachable("Webpay takes cards on its own page only")

    def open_form(self, *, reference: str, amount: int) -> Form:
        return_url = settings.PORTAL_URL.rstrip("/") + RETURN_PATH
        try:
            said = _transaction().create(reference, self.session(reference), amount, return_url)
            form = Form(url=said["url"], token=said["token"])
        except (*NO_ANSWER, KeyError, TypeError) as error:
            log.warning("Webpay opened no form: %s", _word(error))
            raise GatewayUnreachable(_word(error)) from error
        if _origin(form.url) != _origin(settings.WEBPAY_URL) or not 0 < len(form.token) <= 64:
            raise GatewayUnreachable("Webpay answered with an address that is not its own")
        return form

    def session(self, reference: str) -> str:
        return salted_hmac("billing.webpay.session", reference).hexdigest()[:40]

    def commit(self, *, reference: str) -> Result:
        attempt = _attempt(reference)
        try:
            return _result(_transaction().commit(attempt.token), attempt)
        except NO_ANSWER as error:
            log.warning("Webpay's answer to a commit was lost (%s): asking for its status", _word(error))
            return self._ask(attempt)

    def lookup(self, *, reference: str) -> Result:
        attempt = _attempt(reference)
        # Without a token nobody can have paid, whatever Webpay opened.
        return self._ask(attempt) if attempt.token else Result(Outcome.DECLINED, "no_form")

    def _ask(self, attempt: PaymentAttempt) -> Result:
        try:
            return _result(_transaction().status(attempt.token), attempt)
        except NO_ANSWER as error:
            return Result(Outcome.UNKNOWN, _word(error))

    def refund(self, *, reference: str, charge: str, amount: int, about: str = "") -> Result:
        """Money of a charge back, all or a part.

        The same request twice would pay back twice. So one refund of a charge is asked for at a time, the charge's
        balance says before each request whether an earlier one has been made, and a request whose answer was lost is
        not repeated before it must have settled.
        """
        refund = _take_turn(reference)
        if refund is None:
            return Result(Outcome.UNKNOWN, "another_refund_first")
        token, sent_at = refund.attempt.token, refund.sent_at
        try:
            left = _balance(_transaction().status(token))
        except NO_ANSWER as error:
            if not _refused(error):
                return Result(Outcome.UNKNOWN, _word(error))
            # Webpay tells the status for seven days. Later a first request is safe, a second one is for people.
            left = None
            if sent_at is not None:
                return Result(Outcome.DECLINED, "status_gone")
        expected = int(refund.attempt.amount) - _given_back(refund.attempt)
        if sent_at is not None and left == expected - amount:
            return Result(Outcome.CAPTURED, "found_done")
        if left not in (None, expected):
            return Result(Outcome.DECLINED, f"balance {left}, expected {expected}")
        if sent_at is not None and sent_at > timezone.now() - REFUND_SETTLES_WITHIN:
            return Result(Outcome.UNKNOWN, "waiting_for_an_earlier_request")
        return _send(refund, token, amount)

    def ledger(self, *, since: datetime | None = None) -> Iterable[LedgerCharge]:
        """What Webpay says of every token on record: it lists nothing by itself, and tells a status for seven days."""
        attempts = PaymentAttempt.objects.filter(gateway=self.name).exclude(token="").order_by("created_at")
        if since is not None:
            attempts = attempts.filter(created_at__gte=since - timedelta(days=1))
        for attempt in attempts:
            try:
                said = _transaction().status(attempt.token)
            except NO_ANSWER as error:
                if _refused(error):
                    continue
                raise GatewayUnreachable(_word(error)) from error
            if _is_captured(said):
                yield LedgerCharge(
                    attempt.reference,
                    int(attempt.amount),
                    attempt.returned_at or attempt.created_at,
                    attempt.order.code,
                    _ledger_refunds(attempt, int(attempt.amount) - (_balance(said) or 0)),
                )


def _transaction() -> Any:
    return sdk.Transaction(Options())


def _attempt(reference: str) -> PaymentAttempt:
    return PaymentAttempt.objects.get(reference=reference)


def _result(said: Any, attempt: PaymentAttempt) -> Result:
    """What Webpay says of a charge. Captured only when status, code, amount and order all say so."""
    status, code = (said.get("status"), said.get("response_code")) if isinstance(said, dict) else (None, None)
    reason = f"{status} {code}" if code is not None else str(status)
    if status == "INITIALIZED":
        return Result(Outcome.NOT_FOUND, reason)
    if status in {"FAILED", "REVERSED", "NULLIFIED"}:
        return Result(Outcome.DECLINED, reason)
    if status in {"AUTHORIZED", "CAPTURED"} and code == 0:
        if said.get("buy_order") == attempt.reference and _pesos(said.get("amount")) == int(attempt.amount):
            card = said.get("card_detail")
            number = str(card.get("card_number", "")) if isinstance(card, dict) else ""
            return Result(Outcome.CAPTURED, last4=number[-4:])
        reason = "other_order_or_amount"
    if status is not None:
        log.error("Webpay says of %s what cannot be: %s", attempt.reference, reason)
    return Result(Outcome.UNKNOWN, reason)


def _is_captured(said: Any) -> bool:
    kept = {"AUTHORIZED", "CAPTURED", "PARTIALLY_NULLIFIED", "NULLIFIED", "REVERSED"}
    return isinstance(said, dict) and said.get("status") in kept and said.get("response_code") == 0


def _balance(said: Any) -> int | None:
    """What is left of a charge, None when Webpay's words do not say."""
    if not isinstance(said, dict):
        raise ValueError("no status")
    status = said.get("status")
    if status in {"REVERSED", "NULLIFIED"}:
        return 0
    found = _pesos(said.get("balance"))
    return _pesos(said.get("amount")) if status in {"AUTHORIZED", "CAPTURED"} and found is None else found


def _pesos(value: Any) -> int | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return int(found) if found.is_finite() and found == int(found) else None


@retrying
def _take_turn(reference: str) -> Refund | None:
    """The refund when it is the one of its charge that may be asked for now."""
    refund = Refund.objects.get(reference=reference)
    attempt = locks.attempt(refund.attempt_id)
    others = Refund.objects.filter(reference=attempt.refunding, status__in=Refund.UNFINISHED)
    if attempt.refunding not in {"", reference} and others.exists():
        return None
    attempt.refunding = reference
    attempt.save(update_fields=["refunding"])
    refund.attempt = attempt
    return refund


def _given_back(attempt: PaymentAttempt) -> int:
    return sum(int(refund.amount) for refund in attempt.refunds.filter(status=Refund.Status.DONE))


def _send(refund: Refund, token: str, amount: int) -> Result:
    sent = Refund.objects.filter(pk=refund.pk)
    # On record before the request: a process that dies in it must not ask twice.
    sent.update(sent_at=timezone.now())
    try:
        said = _transaction().refund(token, amount)
    except NO_ANSWER as error:
        if _never_left(error):
            sent.update(sent_at=refund.sent_at)
        elif _refused(error):
            return Result(Outcome.DECLINED, _word(error))
        return Result(Outcome.UNKNOWN, _word(error))
    kind = said.get("type") if isinstance(said, dict) else None
    if kind == "REVERSED" or (kind == "NULLIFIED" and said.get("response_code") == 0):
        return Result(Outcome.CAPTURED, kind.lower())
    if kind == "NULLIFIED":
        return Result(Outcome.DECLINED, f"{kind} {said.get('response_code')}")
    return Result(Outcome.UNKNOWN, str(kind))


def _ledger_refunds(attempt: PaymentAttempt, gone: int) -> tuple[LedgerRefund, ...]:
    """The refunds that make up what is gone of a charge, as far as our rows explain it."""
    rows = attempt.refunds.select_related("ticket").order_by("created_at")
    found = []
    for row in sorted(rows, key=lambda row: row.status != Refund.Status.DONE):
        if row.amount <= gone:
            gone -= int(row.amount)
            found.append(LedgerRefund(row.reference, int(row.amount), row.ticket.external_id if row.ticket else ""))
    if gone and gone == attempt.amount:
        found.append(LedgerRefund(f"W{attempt.reference}", gone))
    elif gone:
        log.error("Webpay gave back %d of %s, which no refund explains", gone, attempt.reference)
    return tuple(found)


def _refused(error: Exception) -> bool:
    """Whether Webpay understood and said no."""
    code = getattr(error, "code", None)
    return isinstance(error, TransbankError) and isinstance(code, int) and 400 <= code < 500 and code not in NO_VERDICT


def _never_left(error: Exception) -> bool:
    cause: Any = error.args[0] if isinstance(error, requests.RequestException) and error.args else None
    return isinstance(getattr(cause, "reason", cause), NewConnectionError | ConnectTimeoutError)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _word(error: Exception) -> str:
    if isinstance(error, TransbankError):
        return f"{error.code} {error.message}"[:200]
    return type(error).__name__
