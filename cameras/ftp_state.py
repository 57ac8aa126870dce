"""How a camera's FTP account was used lately: shown on its page, and on its tile while it is slowed down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from cameras.models import Camera, FTPAccount, FTPLogEntry

SLOWED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class FTPState:
    account: FTPAccount
    last_login: FTPLogEntry | None
    last_refused: FTPLogEntry | None
    slowed: FTPLogEntry | None

    @property
    def is_refused(self) -> bool:
        """Whether the last it tried was refused."""
        login, refused = self.last_login, self.last_refused
        return refused is not None and (login is None or refused.at > login.at)


def account_of(camera: Camera) -> FTPAccount | None:
    return FTPAccount.objects.filter(camera=camera).first()


def ftp_state_of(camera: Camera) -> FTPState | None:
    """None where the camera does not send by FTP. Four short queries: of an account's log only the newest are kept."""
    account = account_of(camera)
    if account is None:
        return None
    log = account.log.order_by("-id")
    return FTPState(
        account,
        last_login=log.filter(step=FTPLogEntry.Step.LOGGED_IN).first(),
        last_refused=log.filter(step=FTPLogEntry.Step.REFUSED).first(),
        slowed=log.filter(step=FTPLogEntry.Step.SLOWED, at__gte=timezone.now() - SLOWED_FOR).first(),
    )


def slowed_cameras() -> set[str]:
    """Ids of the cameras that send more than is taken, and were slowed down within the last hour."""
    lately = FTPLogEntry.objects.filter(
        step=FTPLogEntry.Step.SLOWED, at__gte=timezone.now() - SLOWED_FOR, account__isnull=False
    )
    return set(lately.values_list("account_id", flat=True).distinct())
