"""`python -m middleware_worker.ingress`: takes in raw `new_ticket` messages, and stores dead letters.

Two threads, each with connections of its own: billing, which stores the dead letters, may be away
while tickets go on being taken. A second process may run beside it.
"""

import logging
import os
import signal
import sys
import threading
from collections import OrderedDict
from functools import partial

from kombu import Connection, Message

from middleware_worker import broker, clients, consuming, dead_letters, environment, new_tickets
from middleware_worker.clients import Refused, Unreachable
from middleware_worker.dead_letters import DeadLetter, Dropped
from middleware_worker.publishing import Publisher

log = logging.getLogger(__name__)


class NewTickets(consuming.BatchConsumer):
    """Raw JSON → one task for billing, or dead letters; acked when the broker has confirmed them."""

    queue = broker.new_ticket_queue
    declare = staticmethod(broker.declare_new_ticket)

    def __init__(self, publisher: Publisher, **how: object) -> None:
        super().__init__(**how)  # type: ignore[arg-type]
        self._publisher = publisher

    def handle(self, batch: list[Message]) -> None:
        good, bad = [], []
        for message in batch:
            body = consuming.raw_body(message)
            try:
                good.append(new_tickets.as_message(new_tickets.parse(body)))
            except new_tickets.Unusable as unusable:
                bad.append(DeadLetter.of(body, queue=broker.NEW_TICKET, code=unusable.code, reason=unusable.reason))
        if not self._publish(good, bad):
            return
        for message in batch:
            message.ack()
        log.info("new_ticket: %d taken, %d dead letters", len(good), len(bad))

    def _publish(self, good: list[dict[str, object]], bad: list[DeadLetter]) -> bool:
        """Whether the broker has confirmed all of it; tries until then, or until the program stops."""
        pause = 0.5
        while not self.stopping.is_set():
            try:
                if good:
                    self._publisher.carry(source="outside", messages=good, queue=broker.OUTSIDE)
                    good = []
                while bad:
                    self._publisher.dead_letter(bad[0])
                    bad = bad[1:]
                return True
            except Exception as error:
                log.warning("new_ticket: %d + %d are not confirmed: %r; once more", len(good), len(bad), error)
                self.wait(pause)
                pause = min(consuming.LONGEST_PAUSE, pause * 2)
        return False


class DeadLetters(consuming.BatchConsumer):
    """The dead-letter queue → billing's store; acked when billing has stored them."""

    queue = broker.dead_letter_queue
    batch_size = 50
    prefetch = 50
    # Billing takes bodies of a megabyte.
    MAX_CALL_BYTES = 600_000
    REMEMBERED = 10_000

    def __init__(self, **how: object) -> None:
        super().__init__(**how)  # type: ignore[arg-type]
        self._lost: OrderedDict[str, int] = OrderedDict()

    def handle(self, batch: list[Message]) -> None:
        waiting: list[tuple[Message, list[DeadLetter]]] = []
        for message in batch:
            found = self._read(message)
            if isinstance(found, Dropped):
                self._drop(found)
                message.ack()
            else:
                waiting.append((message, found))
        refused = self._store([letter for _message, letters in waiting for letter in letters])
        if refused is None:
            return
        for message, letters in waiting:
            if refused.isdisjoint(letter.delivery_id for letter in letters):
                message.ack()
            else:
                message.requeue()
        if refused:
            self.wait(30)

    def _read(self, message: Message) -> list[DeadLetter] | Dropped:
        body = consuming.raw_body(message)
        message_id = str(message.properties.get("message_id") or "")
        try:
            return dead_letters.read(body, message.headers or {}, message_id=message_id)
        except Exception as error:
            log.exception("a dead letter cannot be read; it is stored as it is")
            return [DeadLetter.of(body, queue=broker.DEAD_LETTERS, code="unreadable", reason=repr(error))]

    def _drop(self, dropped: Dropped) -> None:
        if dropped.reason == "expired":
            log.debug("dead letter: %d messages of %s ran out; they were sent again", len(dropped.ids), dropped.source)
            return
        log.warning(
            "dead letter (%s): %d messages of %s; their outbox sends them again: %s",
            dropped.reason, len(dropped.ids), dropped.source, ", ".join(dropped.ids[:5]),
        )  # fmt: skip
        for message_id in dropped.ids:
            self._lost[message_id] = self._lost.pop(message_id, 0) + 1
            if self._lost[message_id] > 1:
                log.error("message %s of %s kills workers again and again: %d times a dead letter",
                          message_id, dropped.source, self._lost[message_id])  # fmt: skip
        while len(self._lost) > self.REMEMBERED:
            self._lost.popitem(last=False)

    def _store(self, letters: list[DeadLetter]) -> set[str] | None:
        """Stores all of them in billing; the ids of those that it refused, None when the program stops first."""
        pause, refused = 0.5, set()
        parts = [letters] if letters else []
        while parts and not self.stopping.is_set():
            part = parts.pop()
            call, rest = self._one_call(part)
            try:
                body = {"dead_letters": [letter.as_json() for letter in call]}
                clients.site(environment.BILLING).call("POST", "dead-letters", body)
            except Refused as error:
                if len(call) == 1:
                    log.error("billing refuses a dead letter of %s (%s), it is kept: %s",
                              call[0].queue, call[0].code, error)  # fmt: skip
                    refused.add(call[0].delivery_id)
                    parts.append(rest)
                else:
                    parts += [rest, *([letter] for letter in call)]
            except Unreachable as error:
                log.warning("dead letters are held: %s", error)
                parts.append(part)
                self.wait(pause)
                pause = min(30.0, pause * 2)
            else:
                codes = ", ".join(sorted({letter.code for letter in call}))
                log.warning("dead letter: stored %d (%s)", len(call), codes)
                parts.append(rest)
                pause = 0.5
            parts = [part for part in parts if part]
        return None if parts else refused

    def _one_call(self, letters: list[DeadLetter]) -> tuple[list[DeadLetter], list[DeadLetter]]:
        """(what fits into one call, the rest)."""
        size = 0
        for number, letter in enumerate(letters):
            size += len(letter.body) * 4 // 3 + 1000
            if number and size > self.MAX_CALL_BYTES:
                return letters[:number], letters[number:]
        return letters, []


def main() -> None:
    """Until SIGTERM or Ctrl-C."""
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=os.environ.get("LOG_LEVEL") or "INFO", format=form)
    logging.getLogger("amqp").setLevel(logging.WARNING)  # a line a heartbeat
    found = environment.read()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def connect(url: str) -> Connection:
        return broker.connection(url, found.broker_folder)

    publisher = Publisher(found.broker_url, found.broker_folder)
    consumers = [
        NewTickets(publisher, connect=partial(connect, found.sellers_broker_url), stop=stop),
        DeadLetters(connect=partial(connect, found.broker_url), stop=stop),
    ]
    threads = [threading.Thread(target=one.run, name=one.queue.name) for one in consumers]
    for thread in threads:
        thread.start()
    log.info("ingress: ready")
    for thread in threads:
        thread.join()
    publisher.close()
    log.info("ingress: stopped")


if __name__ == "__main__":
    main()
