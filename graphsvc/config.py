"""Settings, and the places of everything that a deployment owns."""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from graphsvc.errors import BadUsage

SHIPPED = "shipped"
"""The name of the model that comes with the package, where it is in use."""


class Settings(BaseSettings):
    """Read from `GRAPHSVC_*` variables, then from the TOML file that `GRAPHSVC_CONFIG` names, then the defaults."""

    model_config = SettingsConfigDict(env_prefix="GRAPHSVC_", extra="ignore", frozen=True)

    data: Path = Field(Path("~/.local/share/graphsvc"), description="The folder of everything this deployment owns.")
    token_key: SecretStr | None = Field(
        None, description="Key of the identifier tokens, 64 hex digits; else a 0600 file."
    )
    policy: Path | None = Field(
        None, description="The policy of risk answers; unset: policy.toml of the data folder, else the shipped one."
    )
    asn_table: Path | None = Field(None, description="CSV `network,asn,name,kind` in place of the shipped table.")
    neo4j_uri: str | None = Field(None, description="A Neo4j 5 to use; unset: the embedded server. `off`: none.")
    neo4j_user: str = "neo4j"
    neo4j_password: SecretStr | None = None
    neo4j_heap: str = Field("1g", description="Heap of the embedded server.")
    neo4j_pagecache: str = Field("512m", description="Page cache of the embedded server.")
    maven_mirror: str | None = Field(None, description="Base address of a Maven repository to fetch the server from.")
    cache: Path = Field(Path("~/.cache/graphsvc"), description="Where the fetched server lies, shared by data folders.")
    host: str = "127.0.0.1"
    port: int = Field(8200, ge=0, le=65535)
    max_body_bytes: int = Field(16 * 2**20, ge=1024)
    engine: Literal["duckdb", "spark"] = Field("duckdb", description="What detection queries the link tables with.")
    spark_heap: str = Field("2g", description="Heap of Spark, where that is the engine.")
    attributes: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Attributes of events that a model trained here has as features, with commas."
    )
    workers: int = Field(2, ge=1, le=64, description="How many processes answer the API, sharing one risk index base.")
    detect_every_s: float = Field(60.0, gt=0, description="How often the worker looks for clusters.")

    @field_validator("attributes", mode="before")
    @classmethod
    def _with_commas(cls, given: object) -> object:
        return tuple(name.strip() for name in given.split(",") if name.strip()) if isinstance(given, str) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get("GRAPHSVC_CONFIG")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=Path(file) if file else None)
        return init_settings, env_settings, toml

    @property
    def places(self) -> Places:
        return Places(self.data.expanduser().resolve())


@dataclass(frozen=True)
class Places:
    """Where each part lies in the data folder."""

    root: Path

    @property
    def token_key(self) -> Path:
        return self.root / "token.key"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.sqlite"

    @property
    def rejects(self) -> Path:
        return self.root / "rejects"

    @property
    def links(self) -> Path:
        return self.root / "links"

    @property
    def results(self) -> Path:
        return self.root / "results.sqlite"

    @property
    def risk(self) -> Path:
        return self.root / "risk"

    @property
    def cases(self) -> Path:
        return self.root / "cases.sqlite"

    @property
    def under_way(self) -> Path:
        """Locks of requests that are being answered."""
        return self.root / "under-way.lock"

    @property
    def policy(self) -> Path:
        """The deployment's own policy of risk answers, where it has one (docs/policy.md)."""
        return self.root / "policy.toml"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def current_model(self) -> Path:
        """A file that names the model in use and tells of the others (see jobs.models); missing until the deployment
        trains its own."""
        return self.models / "current"

    @property
    def active_model(self) -> Path:
        """The folder of the model in use: the deployment's own once it trained one, else the one that ships."""
        champion = self._champion()
        return self.shipped_model if champion == SHIPPED else self.models / champion

    def _champion(self) -> str:
        try:
            content = self.current_model.read_text()
        except FileNotFoundError:
            return SHIPPED
        if not content.startswith("{"):
            return content.strip()
        try:
            return str(json.loads(content)["champion"])
        except (ValueError, KeyError):
            # No model has this name: who loads it says so, and risk answers go on, degraded.
            return "unreadable"

    @property
    def shipped_model(self) -> Path:
        """The folder of the model that comes with the package."""
        package = importlib.util.find_spec("gnn")
        places = package.submodule_search_locations if package is not None else None
        return Path(next(iter(places or ["gnn"]))) / "shipped"

    @property
    def neo4j(self) -> Path:
        return self.root / "neo4j"

    def create(self) -> Places:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self


def load_settings(**overrides: object) -> Settings:
    """Settings of this process. Raises BadUsage that names the wrong setting, never its value."""
    config = os.environ.get("GRAPHSVC_CONFIG")
    if config and not Path(config).is_file():
        raise BadUsage("GRAPHSVC_CONFIG names a file that does not exist.", hint="Correct the path or unset it.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise BadUsage(f"Setting GRAPHSVC_{name} is wrong: {first['msg']}.") from None


def resource(*parts: str) -> Path:
    """A file or folder that ships beside the code (cypher/), in an installed package as in a checkout."""
    package = Path(__file__).parent
    installed = package.joinpath(*parts)
    return installed if installed.exists() else package.parent.joinpath(*parts)
