"""Liquidations as they happen, over websockets."""
