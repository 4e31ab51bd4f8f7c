"""What differs between machines, for the programs of the middleware; read from the environment."""

from typing import NamedTuple

import environ

CALLER = "worker"
RESERVATIONS = "reservations"
BILLING = "billing"


class Environment(NamedTuple):
    broker_url: str
    # Where outside sellers put `new_ticket`. A virtual host apart keeps their log-in from our queues.
    sellers_broker_url: str
    broker_folder: str
    urls: dict[str, str]
    service_key: str
    pause_seconds: float


def read() -> Environment:
    """The settings; raises ImproperlyConfigured that names a variable which is missing."""
    env = environ.Env()
    broker_url = env.str("BROKER_URL")
    return Environment(
        broker_url=broker_url,
        sellers_broker_url=env.str("SELLERS_BROKER_URL", default="") or broker_url,
        broker_folder=env.str("BROKER_FOLDER", default=""),
        urls={
            RESERVATIONS: env.str("MIDDLEWARE_RESERVATIONS_URL", default="http://127.0.0.1:8083"),
            BILLING: env.str("MIDDLEWARE_BILLING_URL", default="http://127.0.0.1:5002"),
        },
        service_key=env.str("MIDDLEWARE_SERVICE_KEY"),
        pause_seconds=env.float("MIDDLEWARE_PAUSE_SECONDS", default=30),
    )
