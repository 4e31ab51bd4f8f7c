"""Drills in which one site's database is put back to a backup that was taken while it sold."""

import time

from tests.drills import docker
from tests.drills.drills import A_MINUTE, drill
from tests.drills.scene import Scene

BACKUPS = docker.FOLDER / "backups"
WITHIN = 900


def back_up() -> str:
    """The documented command; the folder it made."""
    docker.run("env", f"BACKUPS={BACKUPS}", "KEEP=2", "deploy/backup", within=WITHIN)
    return str(max(BACKUPS.glob("20*Z")))


def restore(site: str, folder: str) -> None:
    docker.run("env", f"BACKUPS={BACKUPS}", "YES=1", "deploy/restore", site, folder, within=WITHIN)


@drill(aim=2)
def billing_restored(scene: Scene) -> None:
    """When billing alone is restored to a backup taken a minute ago while it sells, then nothing acknowledged is gone.

    A buyer can reserve; whoever pays or looks at tickets is told to come again until the restore is done. Staff: the
    desk and the gates are away as long. Outside sellers have to send again what they sent since the backup.
    """
    since, folders = time.time(), []
    scene.breaks("a backup is taken", lambda: folders.append(back_up()))
    scene.goes_on(A_MINUTE)
    scene.breaks("billing is restored to it", lambda: restore("billing", folders[0]))
    scene.heals("outside sellers send again", lambda: scene.load.repeat_outside(since=since))


@drill(aim=120, within=300, keys_are_promised=False)
def reservations_restored(scene: Scene) -> None:
    """When reservations alone is restored to a backup taken a minute ago while it sells, nothing acknowledged is gone.

    A buyer is told to come again until the restore is done; the portal's list of events is shown as it last knew it,
    and what is reserved can be paid. Staff: the admin of events is away as long; the desk works on.
    """
    folders: list[str] = []
    scene.breaks("a backup is taken", lambda: folders.append(back_up()))
    scene.goes_on(A_MINUTE)
    scene.breaks("reservations is restored to it", lambda: restore("reservations", folders[0]))
    scene.sells()
