"""The deployed nginx in front of replicas on this machine: the same configuration, other ports and folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.engine import find_program

SOURCE = Path(__file__).resolve().parents[1] / "nginx"
# As docker-compose.yml sets them.
DEFAULTS = {
    "PUBLIC_SCHEME": "http",
    "FRONT_PROXY": "192.0.2.1",
    "RESERVATIONS_ADDRESS_RATE": "600r/m",
    "RESERVATIONS_AT_ONCE": "16",
    "PORTAL_ROOM_PAGES": "200r/s",
    "PORTAL_ADDRESS_PAGES": "20r/s",
}


def command(
    place: Path,
    *,
    port: int,
    behind: int,
    portal: tuple[int, int] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Sequence[str]:
    """What to run so that nginx listens on `port` for reservations, its replicas being 127.0.0.11 and .12 on `behind`.

    With `portal`, the same two ports for the portal, whose replicas are 127.0.0.31 and .32. Its files lie in `place`,
    which it must be alone in. `settings` as in docker-compose.yml.
    """
    (place / "conf.d").mkdir(parents=True)
    # First, since the other folders may lie below it.
    values = {"/tmp/": f"{place}/"}
    values |= {f"${{{name}}}": value for name, value in {**DEFAULTS, **(settings or {})}.items()}
    values |= {"${WEB_NETWORK}": "127.0.0", "/opt/ticketflow/nginx": str(SOURCE)}
    values |= {"/etc/nginx/conf.d": f"{place}/conf.d", "/dev/stdout": f"{place}/access.log"}
    values |= {"/dev/stderr": f"{place}/error.log", "listen 8083": f"listen 127.0.0.1:{port}", ":8083": f":{behind}"}
    sites = ["reservations"]
    if portal:
        sites.append("portal")
        values |= {"listen 5003": f"listen 127.0.0.1:{portal[0]}", ":5003": f":{portal[1]}"}
    for name in ("nginx.conf", *(f"templates/{part}.conf.template" for part in ("00-proxy", *sites))):
        text = (SOURCE / name).read_text()
        for old, new in values.items():
            text = text.replace(old, new)
        if name == "nginx.conf":
            # Else its processes would be nobody's, who may not write here.
            text = ("user root;\n" if os.geteuid() == 0 else "") + text
            (place / name).write_text(text)
        else:
            (place / "conf.d" / Path(name).stem).write_text(text)
    nginx = find_program("nginx", advice="On Debian: apt-get install nginx-light")
    return [nginx, "-c", str(place / "nginx.conf"), "-g", "daemon off;"]
