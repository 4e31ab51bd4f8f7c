"""Two job processes at the same time: each row is taken by one of them."""

import threading

from django.db import connection
from django.test import TransactionTestCase

from billing_site.documents import jobs, services
from billing_site.documents.models import Mail

WORKERS, MAILS = 4, 20


class TwoProcesses(TransactionTestCase):
    def test_each_mail_is_claimed_by_one_process_only(self) -> None:
        for number in range(MAILS):
            services.queue_mail(kind="already_registered", key=f"m:{number}", to="a@example.cl")
        claimed: list[str] = []
        barrier = threading.Barrier(WORKERS)

        def work() -> None:
            try:
                barrier.wait()
                # Rows that others hold for an instant are passed over: ask until none is due.
                while Mail.objects.filter(status=Mail.Status.DUE).exists():
                    mail = jobs._claim_mail()
                    if mail is not None:
                        claimed.append(mail.key)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(claimed) == sorted(f"m:{number}" for number in range(MAILS))
