"""Every setting of the program: name, type, default and meaning, in one place.

Values come from environment variables, or from lines of a `.env` file in the project's folder; an empty one
counts as not given, a malformed or unknown one stops the program at start with a message that names it.
`docs/settings.md` is generated from here (`manage.py document_settings`).
"""

from __future__ import annotations

import difflib
import os
import sys
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.protocols import KEPT_CLASSES

BASE_DIR = Path(__file__).resolve().parent.parent
FTP_PORTS = 21  # its own, and those above it for passive transfers
SECRETS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "LLM_API_KEY"}

Percentage = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[int, Field(ge=0)]


class ConfigError(Exception):
    """A setting is unknown or malformed; the message says which, why and what to do."""


def system_time_zone() -> str | None:
    """IANA name of the machine's own time zone, where the machine tells one that is known here."""
    name = os.environ.get("TZ", "").lstrip(":")
    localtime, timezone_file = Path("/etc/localtime"), Path("/etc/timezone")
    if not name and localtime.is_symlink():
        name = str(localtime.resolve()).partition("zoneinfo/")[2].removeprefix("posix/").removeprefix("right/")
    if not name and timezone_file.is_file():
        name = timezone_file.read_text().strip()
    return name if name and _is_zone(name) else None


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


class Config(BaseSettings):
    """Settings of one installation. Durations are seconds, shares 0–1."""

    model_config = SettingsConfigDict(
        env_file=os.environ.get("ENV_FILE", BASE_DIR / ".env"),
        extra="forbid",
        env_ignore_empty=True,
        case_sensitive=True,
        frozen=True,
    )

    DATA_DIR: Path = Field(BASE_DIR / "data", description="Folder that holds everything the program keeps.")
    HOST: str = Field("127.0.0.1", description="Address the web server listens on; 0.0.0.0 opens it to the LAN.")
    PORT: int = Field(8000, ge=1, le=65535, description="Port the web server listens on.")
    FTP_HOST: str = Field(
        "0.0.0.0",  # noqa: S104  (private addresses only are let in, and nobody before a camera has an account)
        description="Address the FTP server for cameras listens on, once a camera has an account; private peers only.",
    )
    FTP_PORT: int = Field(
        2121, ge=1, le=65515, description="Port of the FTP server; the 20 ports above it carry passive transfers."
    )
    DATABASE_URL: str = Field("", description="postgresql://… of your own server; empty starts a private one.")
    REDIS_URL: str = Field("", description="redis://… of your own server; empty starts a private one.")
    CAMERA_ROOT: Path | None = Field(
        None, description="Folder whose sub-folders are the cameras; empty means DATA_DIR/cameras."
    )
    WATCH_POLL: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Poll the camera folders instead of being told by the kernel; auto polls network mounts.",
    )
    INCOMPLETE_SECONDS: Seconds = Field(
        60, description="How long an incomplete file may stay unchanged before it is rejected."
    )
    DETECTOR: Literal["auto", "builtin", "ultralytics"] = Field(
        "auto", description="Detection engine; auto takes the best that is installed and has its weights."
    )
    DETECTOR_WEIGHTS: str = Field(
        "rtdetr-l.pt",
        min_length=1,
        description="Weights of the ultralytics detector (.pt, .onnx, .engine, OpenVINO folder): a name in "
        "DATA_DIR/models, or an absolute path of your own. A .pt can run code when it is loaded: trust its source.",
    )
    DETECT_CLASSES: Annotated[tuple[str, ...], NoDecode] = Field(
        KEPT_CLASSES, description="What is looked for, separated by commas; everything else a detector finds is let go."
    )
    DETECT_CONFIDENCE: Percentage = Field(0.5, description="Least confidence of a detection that is kept.")
    DETECT_BATCH: int = Field(8, ge=1, le=64, description="Pictures per forward pass of the detector.")
    DETECT_GPU: str = Field("", description="CUDA_VISIBLE_DEVICES of the detect worker; empty leaves it alone.")
    ANALYST: Literal["auto", "rules", "llm"] = Field(
        "auto",
        description="Who judges an event besides the rules, which always do; auto takes the language model that "
        "LLM_MODEL or LLM_URL names.",
    )
    LLM_MODEL: str = Field(
        "",
        description="The language model: a GGUF file, by its name in DATA_DIR/models or an absolute path; "
        "with LLM_URL, the model's name on that server (empty takes the first that it lists).",
    )
    LLM_URL: str = Field(
        "",
        description="OpenAI-compatible server of the language model, such as http://192.168.1.20:8080/v1 "
        "(llama-server, vLLM, Ollama); empty runs LLM_MODEL in the analyze worker.",
    )
    LLM_API_KEY: str = Field("", description="Key that the server at LLM_URL asks for, if it does.")
    ANALYZE_GPU: str = Field("", description="CUDA_VISIBLE_DEVICES of the analyze worker; empty leaves it alone.")
    DEDUPE_SECONDS: Seconds = Field(300, description="The same content on one camera within this time is one picture.")
    BATCH_WINDOW_SECONDS: Seconds = Field(90, description="Longest span of one batch.")
    BATCH_IDLE_SECONDS: Seconds = Field(30, description="A batch closes after this long without a detection.")
    VISIT_GAP_SECONDS: Seconds = Field(
        300, description="Longest pause within one visit; 0 makes every batch an event of its own."
    )
    VISIT_MAX_SECONDS: Seconds = Field(1800, description="Longest visit; what follows is a new event that points back.")
    FAST_PATH_CONFIDENCE: Percentage = Field(
        0.9, description="A person at least this sure puts a visit on the fast path (`is_fast_path`)."
    )
    RETENTION_DAYS: int = Field(
        30, ge=0, le=36_500, description="How long events, with all that belongs to them, are kept; 0 keeps for ever."
    )
    LOG_RETENTION_DAYS: int = Field(
        7, ge=0, le=36_500, description="How long failed logins are kept for throttling; 0 keeps for ever."
    )
    DELETE_ORIGINALS: bool = Field(
        False, description="Delete the cameras' own files as well, once they are older than RETENTION_DAYS."
    )
    SITE_URL: str = Field(
        "",
        description="Address that links in notices begin with, such as https://attic.local/; empty: this machine's "
        "in the home's network, or where HOST keeps it to itself.",
    )
    ALLOW_PRIVATE_TARGETS: bool = Field(
        False,
        description="Let notices go to addresses within the home's network, for channels that an owner sets up.",
    )
    TIME_ZONE: str = Field(default_factory=lambda: system_time_zone() or "UTC", description="IANA zone of the home.")
    SECRET_KEY: str = Field("", description="Signs sessions; empty makes one and keeps it in DATA_DIR/secret_key.")
    ALLOWED_HOSTS: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further host names to answer to, separated by commas; private addresses always are."
    )

    @field_validator("ALLOWED_HOSTS", "DETECT_CLASSES", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("ALLOWED_HOSTS")
    @classmethod
    def _names_only(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in value:
            raise ValueError("'*' would let any page of the Internet speak to this site; list the names")
        return value

    @field_validator("DETECT_CLASSES")
    @classmethod
    def _that_can_be_judged(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in KEPT_CLASSES]:
            raise ValueError(f"{', '.join(unknown)} cannot be judged; choose from {', '.join(KEPT_CLASSES)}")
        return value or KEPT_CLASSES

    @field_validator("TIME_ZONE")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if not _is_zone(value):
            raise ValueError("it is not a time zone this machine knows, such as Europe/Berlin")
        return value

    @field_validator("FTP_PORT")
    @classmethod
    def _beside_the_web(cls, value: int, others: ValidationInfo) -> int:
        web = others.data.get("PORT")
        if web is not None and web in range(value, value + FTP_PORTS):
            last = value + FTP_PORTS - 1
            raise ValueError(f"it takes the ports {value} to {last}, and PORT={web} is one of them")
        return value

    @field_validator("DATA_DIR", "CAMERA_ROOT")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return BASE_DIR / value.expanduser() if value else value

    @field_validator("DATABASE_URL")
    @classmethod
    def _postgresql(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("LLM_URL")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("SITE_URL")
    @classmethod
    def _page_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be an address such as https://attic.local/, without ? and #")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @property
    def models(self) -> Path:
        """Folder of the model files."""
        return self.DATA_DIR / "models"

    @property
    def camera_root(self) -> Path:
        """Folder whose sub-folders are the cameras."""
        return self.CAMERA_ROOT or self.DATA_DIR / "cameras"


def misspelt_variables(environment: dict[str, str]) -> dict[str, str]:
    """Environment variables that look like a slip of a setting's name, each with the name meant.

    The environment is full of other programs' variables, so only near misses of our longer names count.
    """
    known = [name for name in Config.model_fields if "_" in name]
    slips = {}
    for variable in environment:
        if variable not in Config.model_fields and "_" in variable:
            close = difflib.get_close_matches(variable, known, n=1, cutoff=0.88)
            if close:
                slips[variable] = close[0]
    return slips


def load_config() -> Config:
    """The settings of this process.

    Raises ConfigError with one line for each unknown or malformed setting.
    """
    problems = [
        f"{slip} is not a setting; did you mean {meant}?"
        for slip, meant in misspelt_variables(dict(os.environ)).items()
    ]
    try:
        config = Config()
    except ValidationError as error:
        problems += [_in_words(problem) for problem in error.errors()]
        raise ConfigError("\n".join(problems)) from error
    if problems:
        raise ConfigError("\n".join(problems))
    return config


def _in_words(problem: ErrorDetails) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, list(Config.model_fields), n=1)
        hint = f"; did you mean {close[0]}?" if close else "; docs/settings.md lists all of them"
        return f"{name} is not a setting{hint}"
    given = name if name in SECRETS else f"{name}={problem['input']!r}"
    return f"{given} is refused: {problem['msg'].removeprefix('Value error, ')}"


def load_config_or_exit() -> Config:
    """`load_config` for the door of the program: a bad setting ends it with the message and status 2."""
    try:
        return load_config()
    except ConfigError as error:
        print(f"Settings are wrong, nothing was started:\n{error}", file=sys.stderr)
        raise SystemExit(2) from error
