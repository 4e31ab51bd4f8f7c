"""Webpay, on a server that behaves like it: every return, lost answer and death, and the money after it."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.utils import timezone

from billing_site.conftest import service
from billing_site.payments import forms, gateway, refunds, services
from billing_site.payments.gateway.base import GatewayUnreachable, Outcome
from billing_site.payments.gateway.webpay import WebpayGateway
from billing_site.payments.models import PaymentAttempt, Refund
from billing_site.payments.tests.webpay_stand_in import API_KEY, COMMERCE_CODE, Webpay
from billing_site.tickets import services as tickets
from billing_site.tickets.messages import receive
from billing_site.tickets.models import AuditEntry, Order, Ticket
from billing_site.tickets.tests.factories import arrived_order, create_message, expire_message, tickets_of

pytestmark = pytest.mark.django_db

Status = PaymentAttempt.Status
LOST = ["500", "html", "empty", "slow", "dies-before", "dies-after", "garbage"]


@pytest.fixture
def webpay(settings: Any, request: pytest.FixtureRequest) -> Iterator[Webpay]:
    fault = getattr(request.node, "callspec", None) and request.node.callspec.params.get("fault")
    with Webpay() as found:
        settings.GATEWAY = "webpay"
        settings.WEBPAY_URL, settings.WEBPAY_COMMERCE_CODE, settings.WEBPAY_API_KEY = found.url, COMMERCE_CODE, API_KEY
        # Where nothing is slow on purpose, a busy machine is no fault; and `later` is later than this.
        settings.GATEWAY_TIMEOUT_SECONDS = 4 if fault in {"slow", "late"} else 10
        settings.PORTAL_URL = "https://boletos.example.cl"
        yield found


def go(order: Order) -> PaymentAttempt:
    """The buyer asks to pay: the attempt with which they are at Webpay's page."""
    through = gateway.with_form()
    assert through is not None
    return forms.open_form(order=order, through=through, by="test")


def back(webpay: Webpay, attempt: PaymentAttempt, form: str = "agreed") -> PaymentAttempt:
    """The buyer does something at the page, and their browser comes back."""
    return brought(webpay.agree(attempt.token, form=form))


def brought(names: dict[str, str]) -> PaymentAttempt:
    parts = [names.get(name, "") for name in ("token_ws", "TBK_TOKEN", "TBK_ORDEN_COMPRA", "TBK_ID_SESION")]
    found = forms.came_back(back=forms.Return(*parts), by="test")
    assert found is not None
    return found


def statuses(order: Order) -> set[str]:
    return {ticket.status for ticket in tickets_of(order)}


def later(attempt: PaymentAttempt, seconds: float) -> None:
    """As if so much time had passed since the attempt began, and came back, and was asked about."""
    ago = timezone.now() - timedelta(seconds=seconds)
    rows = PaymentAttempt.objects.filter(pk=attempt.pk)
    rows.update(created_at=ago, asked_at=ago)
    rows.exclude(returned_at=None).update(returned_at=ago)
    attempt.refresh_from_db()


def paid_order(webpay: Webpay, **changes: Any) -> Order:
    order = arrived_order(**changes)
    assert back(webpay, go(order)).status == Status.CAPTURED
    return order


# The way there


def test_the_form_is_opened_with_our_reference_the_amount_and_the_way_back(webpay: Webpay) -> None:
    order = arrived_order(prices=[5000, 7000])
    attempt = go(order)
    (payment,) = webpay.payments.values()
    assert (payment.buy_order, payment.amount, payment.token) == (attempt.reference, 12000, attempt.token)
    assert payment.return_url == "https://boletos.example.cl/pago/webpay/return"
    assert attempt.form_url == f"{webpay.url}/webpayserver/initTransaction"
    assert attempt.is_at_form
    assert order.code not in payment.session_id, "the booking code is a secret of the buyer's"


def test_asking_again_leads_to_the_same_page(webpay: Webpay) -> None:
    order = arrived_order()
    assert go(order).token == go(order).token
    assert len(webpay.payments) == 1


@pytest.mark.parametrize("fault", [*LOST, "late"])
def test_a_form_that_cannot_be_opened_starts_nothing_and_can_be_tried_at_once(webpay: Webpay, fault: str) -> None:
    order = arrived_order()
    webpay.faults["create"] = [fault]
    with pytest.raises(services.NothingStarted):
        go(order)
    assert back(webpay, go(order)).status == Status.CAPTURED
    assert (statuses(order), webpay.kept) == ({"PAID"}, 5000)


def test_webpay_that_is_not_there_starts_nothing(webpay: Webpay, settings: Any) -> None:
    settings.WEBPAY_URL = "http://127.0.0.1:1"
    with pytest.raises(services.NothingStarted):
        go(arrived_order())


def test_an_address_that_is_not_webpays_is_not_followed(webpay: Webpay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        webpay, "create", lambda body: (200, {"token": "a" * 64, "url": "https://webpay.example.com/pay"})
    )
    with pytest.raises(GatewayUnreachable):
        WebpayGateway().open_form(reference="a" * 24, amount=1)


def test_wrong_credentials_start_nothing(webpay: Webpay, settings: Any) -> None:
    settings.WEBPAY_API_KEY = "wrong"
    with pytest.raises(services.NothingStarted):
        go(arrived_order())


def test_without_credentials_webpay_does_not_start(settings: Any) -> None:
    settings.WEBPAY_COMMERCE_CODE = settings.WEBPAY_API_KEY = ""
    with pytest.raises(ImproperlyConfigured):
        WebpayGateway()


def test_an_order_that_costs_nothing_needs_no_page(webpay: Webpay) -> None:
    order = arrived_order(prices=[0])
    assert go(order).status == Status.CAPTURED
    assert webpay.calls == []


# The four ways back


def test_a_buyer_who_paid_has_tickets_and_the_charge_is_made_once(webpay: Webpay) -> None:
    order = arrived_order()
    attempt = go(order)
    for _ in range(3):
        settled = back(webpay, attempt)
    assert (settled.status, settled.card_last4) == (Status.CAPTURED, "6623")
    assert (statuses(order), webpay.kept, webpay.calls) == ({"PAID"}, 5000, ["create", "commit"])


def test_a_card_that_was_refused_declines_and_another_try_pays(webpay: Webpay) -> None:
    order = arrived_order()
    settled = back(webpay, go(order), "refused")
    assert (settled.status, settled.error) == (Status.DECLINED, "FAILED -1")
    assert back(webpay, go(order)).status == Status.CAPTURED
    assert webpay.kept == 5000


@pytest.mark.parametrize(
    ("form", "why"), [("aborted", forms.ABORTED), ("timed-out", forms.TIMED_OUT), ("failed", forms.FAILED)]
)
def test_a_buyer_who_did_not_pay_ends_the_attempt_without_a_commit(webpay: Webpay, form: str, why: str) -> None:
    order = arrived_order()
    attempt = go(order)
    for _ in range(2):
        assert (back(webpay, attempt, form).status, back(webpay, attempt, form).error) == (Status.DECLINED, why)
    assert webpay.calls == ["create"]
    assert statuses(order) == {"PENDING_PAYMENT"}
    assert back(webpay, go(order)).status == Status.CAPTURED


def test_a_payment_of_a_closed_attempt_is_never_committed(webpay: Webpay) -> None:
    order = arrived_order()
    attempt = go(order)
    back(webpay, attempt, "aborted")
    assert brought({"token_ws": attempt.token}).status == Status.DECLINED
    assert "commit" not in webpay.calls


def test_an_abort_that_comes_after_the_payment_changes_nothing(webpay: Webpay) -> None:
    order = arrived_order()
    attempt = go(order)
    webpay.faults["commit"], webpay.faults["status"] = ["dies-after"], ["500"]
    assert back(webpay, attempt).status == Status.UNKNOWN
    names = {"TBK_TOKEN": attempt.token, "TBK_ORDEN_COMPRA": attempt.reference}
    assert brought(names).status == Status.UNKNOWN
    later(attempt, 10)
    services.settle_attempts()
    assert (statuses(order), webpay.kept) == ({"PAID"}, 5000)


@pytest.mark.parametrize("change", ["token", "reference", "session", "no-session"])
def test_a_return_that_does_not_fit_together_is_nobodys(webpay: Webpay, change: str) -> None:
    attempt = go(arrived_order())
    session = WebpayGateway().session(attempt.reference)
    wrong = {
        "token": forms.Return(token="b" * 64),
        "reference": forms.Return(aborted=attempt.token, reference="c" * 24, session=session),
        "session": forms.Return(reference=attempt.reference, session="d" * 40),
        "no-session": forms.Return(reference=attempt.reference),
    }[change]
    assert forms.came_back(back=wrong, by="test") is None
    attempt.refresh_from_db()
    assert attempt.is_at_form
    assert forms.came_back(back=forms.Return(), by="test") is None


# What Webpay says


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.CAPTURED),
        ({"response_code": -1}, Outcome.UNKNOWN),
        ({"response_code": None}, Outcome.UNKNOWN),
        ({"status": "FAILED"}, Outcome.DECLINED),
        ({"status": "REVERSED"}, Outcome.DECLINED),
        ({"status": "INITIALIZED"}, Outcome.NOT_FOUND),
        ({"status": "SOMETHING"}, Outcome.UNKNOWN),
        ({"amount": 4999}, Outcome.UNKNOWN),
        ({"amount": "5000.0"}, Outcome.CAPTURED),
        ({"amount": None}, Outcome.UNKNOWN),
        ({"buy_order": "other"}, Outcome.UNKNOWN),
        ({"card_detail": "x"}, Outcome.CAPTURED),
    ],
)
def test_captured_is_only_what_status_code_amount_and_order_all_say(
    webpay: Webpay, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], outcome: Outcome
) -> None:
    attempt = go(arrived_order())
    payment = webpay.payments[attempt.token]
    payment.status, payment.code = "AUTHORIZED", 0
    said = payment.shown() | change
    for name in ("commit", "status"):
        monkeypatch.setattr(webpay, name, lambda token: (200, said))
    assert WebpayGateway().lookup(reference=attempt.reference).outcome == outcome
    assert WebpayGateway().commit(reference=attempt.reference).outcome == outcome


@pytest.mark.parametrize("content", [b"[]", b"7", b"null", b'"AUTHORIZED"'])
def test_an_answer_that_is_no_answer_leaves_it_unknown(
    webpay: Webpay, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    import json

    attempt = go(arrived_order())
    for name in ("commit", "status"):
        monkeypatch.setattr(webpay, name, lambda token: (200, json.loads(content)))
    assert back(webpay, attempt).status == Status.UNKNOWN


# Lost answers


@pytest.mark.parametrize("fault", [*LOST, "late"])
def test_a_lost_answer_to_the_commit_is_settled_and_never_becomes_two_charges(webpay: Webpay, fault: str) -> None:
    order = arrived_order()
    webpay.faults["commit"] = [fault]
    attempt = back(webpay, go(order))
    done = {"slow", "dies-after", "garbage"}
    assert attempt.status == (Status.CAPTURED if fault in done else Status.UNKNOWN), "status is asked at once"
    if attempt.status == Status.UNKNOWN:
        with pytest.raises(services.PaymentOpen):
            go(order)
    later(attempt, 20)
    services.settle_attempts()
    webpay.arrive()
    assert (statuses(order), webpay.kept, webpay.captures) == ({"PAID"}, 5000, 1)
    assert len(webpay.payments) == 1


@pytest.mark.parametrize("fault", LOST)
def test_while_webpay_gives_no_status_it_stays_unknown(webpay: Webpay, fault: str) -> None:
    order = arrived_order()
    webpay.faults["commit"], webpay.faults["status"] = ["dies-after"], [fault, fault]
    attempt = back(webpay, go(order))
    assert attempt.status == Status.UNKNOWN
    later(attempt, 20)
    services.settle_attempts()
    assert statuses(order) == {"PENDING_PAYMENT"}
    later(attempt, 20)
    services.settle_attempts()
    assert (statuses(order), webpay.kept) == ({"PAID"}, 5000)


def test_a_commit_that_never_arrives_ends_in_no_and_what_shows_up_later_goes_back(webpay: Webpay) -> None:
    order = arrived_order()
    webpay.faults["commit"] = ["500"] * 9
    attempt = back(webpay, go(order))
    later(attempt, 400)
    services.settle_attempts()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.error) == (Status.DECLINED, services.NOT_FOUND)
    webpay.faults.clear()
    webpay.commit(attempt.token)
    later(attempt, 400)
    services.settle_attempts()
    refunds.run_refunds()
    assert (webpay.captures, webpay.kept, Refund.objects.get().status) == (1, 0, "done")
    assert statuses(order) == {"PENDING_PAYMENT"}


def test_a_buyer_who_never_comes_back_is_not_asked_about_and_in_the_end_given_up(webpay: Webpay, settings: Any) -> None:
    order = arrived_order()
    attempt = go(order)
    later(attempt, settings.WEBPAY_FORM_SECONDS - 30)
    assert services.settle_attempts() == 0, "they may be typing"
    later(attempt, settings.WEBPAY_FORM_SECONDS + 30)
    services.settle_attempts()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.error, webpay.calls) == (Status.DECLINED, services.ABANDONED, ["create"])
    assert back(webpay, attempt).status == Status.DECLINED
    assert webpay.captures == 0


def test_a_hold_that_runs_out_at_webpay_waits_and_then_ends(webpay: Webpay) -> None:
    message = create_message()
    receive([message])
    order = Order.objects.get(code=message["order"])
    attempt = go(order)
    (waiting,) = receive([expire_message(message)])
    assert waiting.result == "wait"
    back(webpay, attempt, "aborted")
    (done,) = receive([expire_message(message)])
    assert done.result == "done"
    assert statuses(order) == {"EXPIRED"}


def test_a_charge_for_an_order_that_ended_meanwhile_goes_back_by_itself(webpay: Webpay) -> None:
    order = arrived_order(prices=[5000, 7000])
    webpay.faults["commit"], webpay.faults["status"] = ["dies-after"], ["500"] * 2
    attempt = back(webpay, go(order))
    # Given up without Webpay's word, as after the time to capture.
    PaymentAttempt.objects.filter(pk=attempt.pk).update(status=Status.DECLINED, error=services.NOT_FOUND)
    tickets.expire_order(order=order, by="test", reason="hold_ran_out")
    webpay.faults.clear()
    later(attempt, 200)
    services.settle_attempts()
    refunds.run_refunds()
    assert (statuses(order), webpay.captures, webpay.kept) == ({"EXPIRED"}, 1, 0)


# Our own death at every moment


class Died(BaseException):
    """A process that ends here: nothing after it runs."""


DEATHS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "before Webpay is asked for a page": lambda patch: patch.setattr(WebpayGateway, "open_form", _dies),
    "when the page is open and its token not written down": lambda patch: patch.setattr(forms, "_keep", _dies),
    "when the buyer came back and nothing is written": lambda patch: patch.setattr(forms, "_mark_returned", _dies),
    "between the mark and the commit": lambda patch: patch.setattr(WebpayGateway, "commit", _dies),
    "when Webpay has answered and nothing is written": lambda patch: patch.setattr(services, "settle", _dies),
}


def _dies(*_: object, **__: object) -> Any:
    raise Died


@pytest.mark.parametrize("moment", DEATHS)
def test_whenever_billing_dies_the_order_is_paid_once_in_the_end(
    webpay: Webpay, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    order = arrived_order()
    with monkeypatch.context() as patch:
        DEATHS[moment](patch)
        with pytest.raises(Died):
            back(webpay, go(order))
    for seconds in (20, 20):
        for attempt in order.attempts.all():
            later(attempt, seconds)
        services.settle_attempts()
    if statuses(order) == {"PENDING_PAYMENT"}:
        assert webpay.captures == 0
        back(webpay, go(order))
    assert (statuses(order), webpay.captures, webpay.kept) == ({"PAID"}, 1, 5000)


@pytest.mark.django_db(transaction=True)
def test_the_return_is_on_record_before_the_commit_and_no_row_is_locked_meanwhile(webpay: Webpay) -> None:
    order = arrived_order()
    attempt, seen = go(order), []

    def look() -> None:
        # In the server's thread: another connection, which sees what is committed.
        row = PaymentAttempt.objects.get(pk=attempt.pk)
        seen.append((row.status, row.returned_at is not None))
        connection.close()

    webpay.before["commit"] = look
    back(webpay, attempt)
    assert seen == [(Status.UNKNOWN, True)]
    assert AuditEntry.objects.filter(order=order, action="payment.returned").count() == 1


# Refunds


def give_back(ticket: Ticket) -> Refund:
    refunds.refund_ticket(ticket=ticket, reason="no puedo ir", by="test")
    return Refund.objects.get(ticket=ticket)


def run(minutes: float = 0) -> None:
    """Moves the money that is due, as if so much time had passed."""
    rows = Refund.objects.exclude(status__in=["done", "failed"])
    rows.update(next_try_at=timezone.now() - timedelta(seconds=1))
    for row in rows.exclude(sent_at=None):
        row.sent_at -= timedelta(minutes=minutes)
        row.save(update_fields=["sent_at"])
    refunds.run_refunds()


@pytest.mark.parametrize("reverses", [True, False])
def test_a_whole_charge_goes_back(webpay: Webpay, reverses: bool) -> None:
    webpay.reverses = reverses
    (ticket,) = tickets_of(paid_order(webpay))
    refund = give_back(ticket)
    run()
    refund.refresh_from_db()
    assert (refund.status, refund.error) == ("done", "reversed" if reverses else "nullified")
    assert webpay.kept == 0


def test_tickets_of_one_charge_go_back_one_after_the_other(webpay: Webpay) -> None:
    order = paid_order(webpay, prices=[4000, 4000, 4000])
    for ticket in tickets_of(order)[:2]:
        give_back(ticket)
    run()
    run()
    assert webpay.kept == 4000
    assert set(Refund.objects.values_list("status", flat=True)) == {"done"}


@pytest.mark.parametrize("fault", [*LOST, "late"])
def test_a_lost_answer_to_a_refund_never_pays_back_twice(webpay: Webpay, fault: str) -> None:
    order = paid_order(webpay, prices=[4000, 4000, 4000])
    first, second = (give_back(ticket) for ticket in tickets_of(order)[:2])
    webpay.faults["refund"] = [fault]
    run()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status, second.sent_at) == ("unknown", "unknown", None), "one at a time"
    sent = webpay.calls.count("refund")
    webpay.faults["refund"] = []
    run()
    assert webpay.calls.count("refund") <= sent + (fault in {"slow", "dies-after", "garbage"}), "not so soon"
    webpay.arrive()
    for _ in range(3):
        run(minutes=11)
    assert webpay.kept == 4000
    assert set(Refund.objects.values_list("status", flat=True)) == {"done"}
    assert sum(len(payment.refunds) for payment in webpay.payments.values()) == 2


def test_a_process_that_dies_in_a_refund_does_not_pay_back_twice(
    webpay: Webpay, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = paid_order(webpay, prices=[4000, 4000])
    give_back(tickets_of(order)[0])
    with monkeypatch.context() as patch:
        patch.setattr(refunds, "_note", _dies)
        with pytest.raises(Died):
            refunds.run_refunds()
    run()
    assert (webpay.kept, Refund.objects.get().status) == (4000, "done")
    assert webpay.calls.count("refund") == 1


def test_a_refused_refund_is_for_people_and_one_made_by_hand_is_not_taken_for_another(webpay: Webpay) -> None:
    order = paid_order(webpay, prices=[4000, 4000])
    first = give_back(tickets_of(order)[0])
    webpay.refuses_refunds = True
    run()
    first.refresh_from_db()
    assert first.status == "failed"
    webpay.refuses_refunds = False
    webpay.refund(first.attempt.token, 4000)
    second = give_back(tickets_of(order)[1])
    run()
    second.refresh_from_db()
    assert (second.status, second.error) == ("failed", "balance 4000, expected 8000")
    # Staff ask again: the one made by hand is found, then the other is sent.
    for refund in (first, second):
        assert refunds.try_again(refund=refund, by="test")
        run()
    assert webpay.kept == 0
    assert set(Refund.objects.values_list("status", flat=True)) == {"done"}


def test_an_old_charge_of_which_webpay_tells_no_status_goes_back_once(webpay: Webpay) -> None:
    order = paid_order(webpay, prices=[4000, 4000])
    webpay.forgets = True
    first, second = (give_back(ticket) for ticket in tickets_of(order))
    webpay.faults["refund"] = ["dies-after"]
    run()
    run(minutes=11)
    first.refresh_from_db()
    assert (first.status, first.error) == ("failed", "status_gone"), "it may have been made: people look"
    run()
    second.refresh_from_db()
    assert (second.status, webpay.kept) == ("done", 0)


# Beside another gateway, healing, and the API


def test_attempts_are_asked_about_where_they_were_made_after_the_setting_has_changed(
    webpay: Webpay, settings: Any
) -> None:
    order = arrived_order()
    attempt = go(order)
    settings.GATEWAY = "billing_site.payments.tests.fakes.the_gateway"
    assert gateway.with_form() is None
    assert back(webpay, attempt).status == Status.CAPTURED
    give_back(tickets_of(order)[0])
    run()
    assert webpay.kept == 0


def test_the_ledger_is_what_webpay_says_of_every_token_on_record(webpay: Webpay) -> None:
    kept, partly, wholly = (paid_order(webpay, prices=[4000, 5000]) for _ in range(3))
    back(webpay, go(arrived_order()), "refused")
    back_again = give_back(tickets_of(partly)[0])
    run()
    # Billing came back from before these: Webpay still knows.
    Refund.objects.update(status=Refund.Status.DUE)
    webpay.refund(wholly.attempts.get().token, 9000)
    found = {charge.about: charge for charge in gateway.configured().ledger()}
    assert {code: charge.kept for code, charge in found.items()} == {kept.code: 9000, partly.code: 5000, wholly.code: 0}
    assert found[partly.code].refunds[0].reference == back_again.reference
    webpay.faults["status"] = ["500"]
    with pytest.raises(GatewayUnreachable):
        list(gateway.configured().ledger())


def post(api: Client, path: str, body: dict[str, str], caller: str = "portal") -> Any:
    return api.post(path, body, content_type="application/json", headers=service(caller))


def test_over_http_a_buyer_is_sent_to_webpay_and_comes_back(api: Client, webpay: Webpay) -> None:
    order = arrived_order()
    sent = post(api, f"/api/orders/{order.code}/pay", {})
    assert (sent.status_code, sent.json()["status"], sent.json()["pay_with"]) == (201, "paying", "webpay")
    form = sent.json()["payment"]["form"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/webpayserver/initTransaction", form["url"])
    returned = post(api, "/api/payments/webpay/return", webpay.agree(form["token"]))
    assert (returned.status_code, returned.json()) == (200, {"order": order.code, "payment": "captured"})
    shown = api.get(f"/api/orders/{order.code}", headers=service()).json()
    assert (shown["status"], "form" in shown["payment"]) == ("paid", False)


def test_over_http_an_unreachable_webpay_is_503_and_a_strange_return_404(
    api: Client, webpay: Webpay, settings: Any
) -> None:
    order = arrived_order()
    webpay.faults["create"] = ["500"]
    assert post(api, f"/api/orders/{order.code}/pay", {}).status_code == 503
    assert post(api, "/api/payments/webpay/return", {}).status_code == 404
    assert post(api, "/api/payments/webpay/return", {"token_ws": "x" * 64}).status_code == 404
    assert post(api, "/api/payments/webpay/return", {"token_ws": "x" * 101}).status_code == 400
    assert post(api, "/api/payments/webpay/return", {"token_ws": "x"}, "worker").status_code == 403
    settings.GATEWAY = "billing_site.payments.tests.fakes.the_gateway"
    assert api.get(f"/api/orders/{order.code}", headers=service()).json()["pay_with"] == "card"
