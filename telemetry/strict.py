"""Bodies of requests to the API: a field that is not known is refused, since one that is silently ignored misleads."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it has no field for."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        known = ", ".join(sorted(self.fields))
        if unknown := sorted(set(self.initial_data) - set(self.fields)):
            raise serializers.ValidationError({name: [f"Not known here; known are: {known}."] for name in unknown})
        return attrs
