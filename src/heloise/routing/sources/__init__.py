"""Databases that maps are asked in: each source answers by name, `Sources` remembers answers for some seconds."""

from heloise.routing.sources.postgresql import PostgresSource
from heloise.routing.sources.sources import Asked, Source, Sources, SourceTrouble
from heloise.routing.sources.sqlite import SqliteSource

__all__ = ["Asked", "PostgresSource", "Source", "SourceTrouble", "Sources", "SqliteSource"]
