"""What the owner may set of leverage tiers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class TiersSection(BaseModel):
    """Leverage tiers, renewed by `perpulse tiers refresh`. Everything works without a key; it must be read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    binance_key: SecretStr | None = Field(None, description="Binance API key, read-only: its official brackets")
    binance_secret: SecretStr | None = Field(None, description="its secret; or PERPULSE_TIERS__BINANCE_SECRET")

    @model_validator(mode="after")
    def _both(self) -> TiersSection:
        if (self.binance_key is None) != (self.binance_secret is None):
            raise ValueError("give both binance_key and binance_secret, or neither")
        return self
