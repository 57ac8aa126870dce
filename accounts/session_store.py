"""Where sessions are kept (SESSION_ENGINE): Django's own way, and in columns beside it who, from where, since when.

The columns are written by whoever saves a session, and at most once a minute by requests that only use it
(`accounts.middleware`). A session in use goes on: its end is put off as it is used.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models import Session

    Store = DatabaseStore[Session]
else:
    Store = DatabaseStore  # not subscriptable at run time

SEEN_AGAIN_AFTER = timedelta(minutes=1)
# Without "keep me signed in" the browser forgets at its end, but many never end.
AGE_OF_UNKEPT_S = 24 * 3600
# How much of its time passes before its end is put off: an hour, or thirty of one that is kept.
PUT_OFF_AFTER = 1 / 24


class SessionStore(Store):
    """Its name is part of what signs the data, so what Django's own engine wrote can be read."""

    row: Session | None = None
    address: str | None = None
    user_agent = ""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        from accounts.models import Session  # this module is imported while models are loaded

        return Session

    def is_asked_from(self, address: str | None, user_agent: str) -> None:
        """Tell it of the request it serves."""
        self.address, self.user_agent = address, user_agent

    def note_use(self) -> None:
        """After a request: write down when and from where, and put off the end, now and then."""
        row = self.row
        if row is None or row.user_id is None or row.session_key != self.session_key:
            return  # nobody's, or ended meanwhile
        now = timezone.now()
        if now - row.last_seen_at >= SEEN_AGAIN_AFTER:
            seen = {"last_seen_at": now, **self._client()}
            self.get_model_class().objects.filter(pk=row.pk).update(**seen)
            for field, value in seen.items():
                setattr(row, field, value)
        age_s = self.get_expiry_age()
        if row.expire_date - now < timedelta(seconds=age_s * (1 - PUT_OFF_AFTER)):
            self.modified = True

    def get_session_cookie_age(self) -> int:
        return AGE_OF_UNKEPT_S if self.get_expire_at_browser_close() else settings.SESSION_COOKIE_AGE

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        return self._completed(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        return self._completed(await super().acreate_model_instance(data), data)

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]  # the stubs leave it out
        return self.row

    async def _aget_session_from_db(self) -> Session | None:
        self.row = await super()._aget_session_from_db()  # type: ignore[misc]
        return self.row

    def _completed(self, row: Session, data: dict[str, Any]) -> Session:
        """`row`, which is written as a whole, with what the columns hold already."""
        before, self.row = self.row, row
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        if before is None or before.user_id != row.user_id:
            kept = self._client()
        else:  # goes on, under a new key where the password was changed
            kept = {name: getattr(before, name) for name in ("address", "user_agent", "created_at", "last_seen_at")}
        if before is not None and before.session_key == row.session_key:
            kept["public_id"] = before.public_id
        for field, value in kept.items():
            setattr(row, field, value)
        return row

    def _client(self) -> dict[str, Any]:
        return {"address": self.address, "user_agent": self.user_agent}
